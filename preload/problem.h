/* SPDX-License-Identifier: MIT */
/* problem.h - sentences about what did not work, kept until a trace can take them. */
#ifndef VMSC_PROBLEM_H
#define VMSC_PROBLEM_H

/* Writes those not yet told, and in a forked child's new trace all of them. Needs the recorder's lock. */
void vmsc_problem_tell(void);
void vmsc_problem_tell_again(void);

#endif
