/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sink that writes records to standard output and acknowledges what the reader's side took. See
 * stdout.md.
 */
#ifndef SINKS_STDOUT_H
#define SINKS_STDOUT_H

#include "consumer/engine/sink.h"

extern const struct sink_type sink_stdout;

#endif
