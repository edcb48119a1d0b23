/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file, as every verb that takes one reads it. */
#ifndef VERBS_LOAD_H
#define VERBS_LOAD_H

#include "config/config.h"
#include "consumer/verbs/verb.h"

/*
 * Reads the configuration at `path`, "-" being standard input. NULL after saying on standard error all
 * that is wrong with it; the exit status is 78 then. Freed with config_free.
 */
struct config *load_config(const struct program *program, const char *path);

#endif
