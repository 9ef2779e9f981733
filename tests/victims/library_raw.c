/* SPDX-License-Identifier: MIT */
/* A library that brings system-call instructions of its own. */
#include "rawcalls.h"

long library_call(long nr, long a, long b, long c, long d, long e, long f);

long library_call(long nr, long a, long b, long c, long d, long e, long f)
{
	return raw6(nr, a, b, c, d, e, f);
}
