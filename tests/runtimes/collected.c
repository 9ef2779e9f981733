/* SPDX-License-Identifier: MIT */
/* Boehm's collector: threads stopped by signals, and page protection instead of dirty bits (incremental). */
#define GC_THREADS
#include <gc.h>
#include <pthread.h>
#include <stdio.h>

struct node {
	struct node *next;
	char ballast[200];
};

static void *build(void *arg)
{
	long length = 0;

	for (int round = 0; round < 30; round++) {
		struct node *list = NULL;

		for (int i = 0; i < 3000; i++) {
			struct node *node = GC_MALLOC(sizeof(*node));

			node->next = list;
			list = node;
		}
		for (; list; list = list->next)
			length++;
	}
	(void)arg;
	return (void *)length;
}

int main(int argc, char **argv)
{
	pthread_t threads[4];
	long length = 0;

	(void)argv;
	GC_INIT();
	if (argc > 1)
		GC_enable_incremental();
	for (int i = 0; i < 4; i++)
		GC_pthread_create(&threads[i], NULL, build, NULL);
	for (int i = 0; i < 4; i++) {
		void *got;

		GC_pthread_join(threads[i], &got);
		length += (long)got;
	}
	printf("%ld %d\n", length, GC_get_gc_no() > 0);
	return 0;
}
