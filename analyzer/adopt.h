/* SPDX-License-Identifier: MIT */
/*
 * adopt.h - traces of processes that became another user's (runuser, setpriv, the start of a server).
 *
 * They may not write where root wants traces and reports, so they write into the launcher's folder, which then is
 * like /tmp: everybody may make files there. Nothing there is believed but who owns it.
 */
#ifndef VMSC_ANALYZER_ADOPT_H
#define VMSC_ANALYZER_ADOPT_H

#include "recording.h"

/* Puts such traces, and reports about them, where the others are. What can't be put there is said on stderr. */
void vmsc_adopt(const struct vmsc_recording *recording);

#endif
