/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who this worker is, and whether a former worker is provably dead. A process is told apart from all
 * others that ever ran on this machine by the boot's id and "PID.STARTTIME.NAMESPACE": two containers
 * may share host name and boot, but a pid means something in its own pid namespace only.
 */
#ifndef HOST_PROCESS_H
#define HOST_PROCESS_H

#include "base/buf.h"

enum { PROCESS_TEXT_MAX = 80 };

struct process_identity {
	char boot[PROCESS_TEXT_MAX]; /* this boot's random id; empty when the kernel does not tell */
	char process[PROCESS_TEXT_MAX]; /* pid, start time, pid namespace; empty likewise */
	char worker_id[PROCESS_TEXT_MAX]; /* made from the host's name: the default worker id */
};

/* Finds out who we are. */
void process_identify(struct process_identity *identity);

/*
 * Whether the process with these two texts, as written by a worker with our worker id, is certainly gone:
 * it ran in another boot, or in our pid namespace, where nothing runs any more with that pid and start
 * time. When in doubt, no.
 */
bool process_is_dead(struct str boot, struct str process);

#endif
