/* SPDX-License-Identifier: MIT */
/* api.c - what the program itself may ask of the recorder: vmascope/vmascope.h. */
#include "vmascope/vmascope.h"

#include <string.h>
#include <time.h>

#include "attach.h"
#include "call.h"
#include "lock.h"
#include "snapshot.h"
#include "sys.h"
#include "writer.h"

#include "inject.h"

#define MARK_MAX 4096

#define API VMSC_EXPORT __attribute__((used))

API int vmsc_api_pause(void);
API int vmsc_api_resume(void);
API int vmsc_api_mark(const char *text);
API int vmsc_api_check(void);

/* The lock, in state @wanted. Returns: false when there is nothing to be done. */
static bool enter(enum vmsc_state wanted)
{
	if (!vmsc_shared() || vmsc_state() != wanted || !vmsc_lock_try(vmsc_tid()))
		return false;
	if (vmsc_state() == wanted)
		return true;
	vmsc_lock_release(NULL);
	return false;
}

int vmsc_api_pause(void)
{
	if (!enter(VMSC_STATE_ACTIVE))
		return -1;
	vmsc_set_state(VMSC_STATE_PAUSED);
	vmsc_lock_release(NULL);
	return 0;
}

int vmsc_api_resume(void)
{
	if (!enter(VMSC_STATE_PAUSED))
		return -1;
	vmsc_attach_retell_layout();
	vmsc_snapshot_all(VMSC_WHEN_RESUME);
	if (vmsc_state() == VMSC_STATE_PAUSED)
		vmsc_set_state(VMSC_STATE_ACTIVE);
	vmsc_lock_release(NULL);
	return 0;
}

int vmsc_api_mark(const char *text)
{
	struct vmsc_mark_record record = { .tid = vmsc_tid() };

	if (!text || !enter(VMSC_STATE_ACTIVE))
		return -1;
	record.stamp = vmsc_sys_clock(CLOCK_MONOTONIC) - vmsc_rec.started_monotonic;
	record.length = strnlen(text, MARK_MAX);
	vmsc_writer_put(VMSC_RECORD_MARK, 0, &record, sizeof(record), text, record.length);
	vmsc_lock_release(vmsc_call_drain);
	return 0;
}

int vmsc_api_check(void)
{
	if (!enter(VMSC_STATE_ACTIVE))
		return -1;
	vmsc_snapshot_all(VMSC_WHEN_REQUEST);
	vmsc_lock_release(vmsc_call_drain);
	return 0;
}
