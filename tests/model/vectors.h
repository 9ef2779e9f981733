/* SPDX-License-Identifier: MIT */
/*
 * vectors.h - writes one case of tests/vectors to stdout.
 */
#ifndef VMASCOPE_TESTS_VECTORS_H
#define VMASCOPE_TESTS_VECTORS_H

#include "script.h"

/* @needs: what a kernel must be configured with ("anon-vma-name"), or NULL. At most 256 steps. */
void vectors_write(const char *name, const struct vmsc_script *script, const char *needs);

#endif
