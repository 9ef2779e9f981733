/* SPDX-License-Identifier: MIT */
/* report.h - the writer process: `vmascope write-report`, started when a trace that no launcher waits for has ended. */
#ifndef VMSC_REPORT_H
#define VMSC_REPORT_H

/* Finds the command beside the library at @library, and keeps what it will need of the environment. At start. */
void vmsc_report_prepare(const char *library, char **envp);

/* Turns this process's trace into its report. Waits for the writer. */
void vmsc_report_write(void);

/* The same for an image that is about to be replaced. */
void vmsc_report_write_last(void);

#endif
