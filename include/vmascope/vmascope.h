/* SPDX-License-Identifier: MIT */
/*
 * vmascope.h - speak to the recorder from inside a traced program. Nothing to link: without the recorder every call
 * does nothing and returns -1.
 */
#ifndef VMASCOPE_VMASCOPE_H
#define VMASCOPE_VMASCOPE_H

#ifdef __cplusplus
extern "C" {
#endif

#pragma weak vmsc_api_pause
#pragma weak vmsc_api_resume
#pragma weak vmsc_api_mark
#pragma weak vmsc_api_check

/* Stop recording. Calls made until vmsc_resume() are not seen; the model starts anew from the maps then. */
int vmsc_api_pause(void);
int vmsc_api_resume(void);

/* Puts @text (at most 4096 bytes of it) into the trace beside the calls. */
int vmsc_api_mark(const char *text);

/* Compares the modelled VMAs with the kernel's now: a checkpoint "request" in the report. */
int vmsc_api_check(void);

static inline int vmsc_pause(void)
{
	return vmsc_api_pause ? vmsc_api_pause() : -1;
}

static inline int vmsc_resume(void)
{
	return vmsc_api_resume ? vmsc_api_resume() : -1;
}

static inline int vmsc_mark(const char *text)
{
	return vmsc_api_mark ? vmsc_api_mark(text) : -1;
}

static inline int vmsc_check_now(void)
{
	return vmsc_api_check ? vmsc_api_check() : -1;
}

#ifdef __cplusplus
}
#endif

#endif
