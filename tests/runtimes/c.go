// SPDX-License-Identifier: MIT
package main

/*
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static void *in_thread(void *arg)
{
	char *block = malloc(300000);

	memset(block, 1, 300000);
	free(block);
	return arg;
}

static int called(int i)
{
	pthread_t thread;

	pthread_create(&thread, NULL, in_thread, NULL);
	pthread_join(thread, NULL);
	return i;
}
*/
import "C"

func called(i int) int {
	return int(C.called(C.int(i)))
}
