/* SPDX-License-Identifier: MIT */
/* finish.h - the ends of a trace: exit, exec, a signal to itself, no more recording. */
#ifndef VMSC_FINISH_H
#define VMSC_FINISH_H

#include <stdbool.h>
#include <stdint.h>

/* Is this a child on our memory that is another process? Its end is not ours. */
bool vmsc_finish_is_foreign(void);

long vmsc_finish_exit(uint32_t nr, const uint64_t args[6]);
long vmsc_finish_exec(uint32_t nr, const uint64_t args[6]);
long vmsc_finish_kill(uint32_t nr, const uint64_t args[6]);

/* Does this kill, tkill or tgkill end the process by the signal's default action? */
bool vmsc_finish_is_fatal(uint32_t nr, const uint64_t args[6]);

/* exit() is on its way, in a process whose _exit() is not captured. */
void vmsc_finish_at_exit(void);

/* Nothing is recorded from here on, because of @why. */
void vmsc_finish_stop(const char *why);

#endif
