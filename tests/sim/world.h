/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated world: virtual time, one seeded source of chance, the model of the service, a network
 * that loses, delays and repeats nothing by itself but everything by order, and processes that see
 * all of it through struct io.
 *
 * Three clocks: now_ms is the world's, which starts at 0; the service's wall clock is a fixed distance
 * from it. A process's monotonic clock started when its machine did, and counts on while the process is
 * stopped or the machine asleep; its wall clock is the service's plus the process's skew, which may jump.
 *
 * Nothing here runs by itself: world_step runs the one thing that is due next. The same seed and the
 * same calls give the same run, byte for byte.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "base/map.h"
#include "base/rng.h"
#include "consumer/engine/io.h"
#include "tests/model/service.h"
#include "tests/sim/plant.h"

enum {
	WORLD_LINES = 200,
	WORLD_LINE_MAX = 320,
	WORLD_FAULT_RULES = 16,
	WORLD_PARTITIONS = 8,
	WORLD_USAGE_S = 128,
	WORLD_SERVICES = 2, /* by enum io_service */
};

/* What can happen to one request on its way. */
enum net_fault {
	NET_NONE,
	NET_THROTTLE, /* 400 and one of the throttling errors */
	NET_ERROR_500, /* InternalServerError */
	NET_ERROR_503, /* a load balancer's page instead of JSON */
	NET_BREAK_BEFORE, /* connection lost, not carried out */
	NET_BREAK_AFTER, /* carried out, answer lost */
	NET_TIMEOUT, /* never arrives */
	NET_LATE, /* arrives when the sender has long given up, even after its death */
	NET_BLOAT, /* the answer is blown up to more than the reader reserves for a page */
	NET_AUTH, /* AccessDeniedException */
	NET_HOLD, /* the sender waits in vain; carried out when network_let_go says so */
	NET_N,
};

/* The fault's name, as scenario files and reports have it. */
const char *net_fault_word(enum net_fault fault);

/* The fault of that name; NET_N when there is none. */
enum net_fault net_fault_find(struct str word);

/* A fault for the requests number `skip` + 1 to `skip` + `count`, from now on, of one kind. */
struct net_rule {
	char operation[32]; /* "GetRecords"; "": any */
	char worker[32]; /* only of this process; "": any */
	enum net_fault fault;
	unsigned skip, count;
};

/* A process that does not reach some services for a while. */
struct net_partition {
	char worker[32];
	bool services[WORLD_SERVICES];
	bool silent; /* nothing comes back at all; else connections are refused and reset */
	int64_t until_ms;
};

/* What the workers used up of the checkpoint table's capacity in one second, in half units. */
struct net_usage {
	int64_t second;
	uint64_t read, written;
};

/* Something that happens at a time; embedded in its owner. Zero it before first use. */
struct world_event {
	struct heap_node node;
	struct list link; /* in a paused process's list */
	struct proc *proc; /* whose it is: held while that one is paused. NULL: the world's */
	void (*run)(struct world_event *event);
};

/* What lives on when the process of a run dies: where it was. In memory shared with its parent. */
struct world_trace {
	uint64_t seed, step;
	int64_t now_ms;
	uint64_t n_lines; /* ever */
	char lines[WORLD_LINES][WORLD_LINE_MAX];
	bool verbose; /* print each line at once */
	char failed[64]; /* the name of the invariant that broke first, or empty */
};

/* One request that was carried out, or is on its way: what an observer sees. */
struct world_call {
	struct proc *proc; /* NULL when the sender is dead */
	unsigned life; /* the sender's incarnation */
	uint64_t id; /* of the request */
	int64_t sent_ms;
	struct str operation, body;
	int status; /* served: the HTTP status */
	struct str answer; /* served: the body before any bloat */
};

/* The observer of all traffic. */
struct world_watch {
	void *arg;
	void (*sent)(void *arg, const struct world_call *call);
	void (*served)(void *arg, const struct world_call *call);
	/* The sender got an end of it, or gave it up; `ok` when that was the service's own 200. */
	void (*ended)(void *arg, const struct world_call *call, bool ok);
	void (*logged)(void *arg, const char *process, enum io_level level, struct str line);
	/*
	 * A sink of that incarnation is handed a delivery with changes of the shard; the token says what
	 * the incarnation was by then, and comes back when something of the delivery becomes durable.
	 */
	uint64_t (*begins)(void *arg, unsigned life, struct str shard_id);
	void (*lands)(void *arg, unsigned life, uint64_t token);
	/* After every step. */
	void (*stepped)(void *arg);
};

struct world {
	struct rng rng;
	struct service *service;
	int64_t now_ms, wall_base_ms;
	struct heap events;
	struct list procs;
	struct list flights; /* all that are still under way */
	struct world_trace *trace;
	struct world_watch watch;
	/* The network. Faults in thousandths per request of a service; rules go first. */
	unsigned mix[WORLD_SERVICES][NET_N];
	struct net_rule rules[WORLD_FAULT_RULES];
	size_t n_rules;
	struct net_partition partitions[WORLD_PARTITIONS];
	size_t n_partitions;
	struct net_usage usage[WORLD_USAGE_S]; /* a ring by second */
	int64_t latency_min_ms, latency_max_ms;
	int64_t late_max_ms; /* how much after the sender's timeout a late request may arrive */
	size_t bloat_bytes; /* added per record to every GetRecords answer */
	unsigned credentials; /* the version that the service accepts */
	unsigned credentials_new; /* the version that a process gets which reads them again */
	int64_t faulty_ms; /* when a request last met a fault */
	uint64_t n_requests, hits[NET_N], hits_skew, hits_credentials, hits_pause, hits_suspend;
	uint64_t hits_cut[WORLD_SERVICES], hits_answer_cut; /* by partitions */
	int64_t max_answer_bytes; /* the largest GetRecords answer so far */
	unsigned lives; /* incarnations so far */
	bool failed; /* an invariant broke: the run ends */
	enum plant plant; /* what is made to go wrong on purpose */
};

/* One process: its clocks, timers and requests. Its io is what an engine is made with. */
struct proc {
	struct io io;
	struct world *world;
	struct list link;
	char name[32];
	unsigned life; /* unique number of this incarnation */
	bool paused, asleep; /* asleep: paused, and its connections die of it */
	int64_t woke_ms; /* when it last went on; 0: never stopped */
	int64_t boot_ms; /* its monotonic clock is the world's plus this */
	int64_t skew_ms; /* of its wall clock */
	unsigned credentials;
	struct heap timers;
	struct list held; /* events that came due while paused */
	struct world_event posted;
	struct io_post *posts, **posts_end;
	size_t n_http; /* requests without an end */
};

/* A world at time 0 with a service of the real one's defaults. `trace` stays the caller's. */
void world_init(struct world *world, uint64_t seed, struct world_trace *trace);

/* Frees the world; all processes must be gone. */
void world_release(struct world *world);

/* The service's wall clock. */
int64_t world_wall_ms(const struct world *world);

/* Runs what is due next, up to `until_ms`; false when nothing is: then it is `until_ms`. */
bool world_step(struct world *world, int64_t until_ms);

/* Sets or moves an event. */
void world_set(struct world *world, struct world_event *event, int64_t at_ms);

/* Unsets an event. */
void world_unset(struct world *world, struct world_event *event);

/* A number between `from` and `to`, both included. */
int64_t world_between(struct world *world, int64_t from, int64_t to);

/* Writes one line into the trace; `who` is a process's name or "sim". */
void world_note(struct world *world, const char *who, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Says that the invariant `name` broke, and how; only the first one counts. */
void world_fail(struct world *world, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Prints the trace's last lines to standard error. */
void world_trace_print(const struct world_trace *trace);

/* A new process, which lives until proc_free. */
struct proc *proc_new(struct world *world, const char *name);

/* Ends a process: what it sent may still arrive, what it waited for never comes. */
void proc_free(struct proc **proc);

/* Stops a process as SIGSTOP does; `asleep`: as a machine that is suspended does. */
void proc_pause(struct proc *proc, bool asleep);

/* Runs all that was held while the process was stopped, in its order. */
void proc_resume(struct proc *proc);

/* What the process has not given back: requests and timers. */
size_t proc_outstanding(const struct proc *proc);

#endif
