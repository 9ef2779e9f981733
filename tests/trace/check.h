/* SPDX-License-Identifier: MIT */
/*
 * check.h - a failing row says its name and what it wanted, and the rows after it still run.
 */
#ifndef VMASCOPE_TESTS_CHECK_H
#define VMASCOPE_TESTS_CHECK_H

#include <stdbool.h>
#include <stdio.h>

static unsigned int nr_rows, nr_failed;

/* Counts a row as @good or not, and prints what it says where it does not hold. */
#define CHECK(good, ...)                                                                                     \
	do {                                                                                                 \
		nr_rows++;                                                                                   \
		if (!(good)) {                                                                               \
			nr_failed++;                                                                         \
			printf("FAIL line %d: ", __LINE__);                                                  \
			printf(__VA_ARGS__);                                                                 \
			putchar('\n');                                                                       \
		}                                                                                            \
	} while (0)

/* The exit status: nothing checked is a failure too. */
static inline int check_result(const char *table)
{
	printf("%s: %u checks, %u fail\n", table, nr_rows, nr_failed);
	return nr_failed || !nr_rows;
}

#endif
