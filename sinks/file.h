/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sink that appends records to one file and acknowledges them after fdatasync. See file.md.
 */
#ifndef SINKS_FILE_H
#define SINKS_FILE_H

#include "consumer/engine/sink.h"

extern const struct sink_type sink_file;

#endif
