/* SPDX-License-Identifier: MIT */
/* A program that uses the recorder's libraries itself: libunwind, also in a handler, and jansson with an
 * allocator set. */
#define UNW_LOCAL_ONLY
#include <jansson.h>
#include <libunwind.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static volatile int frames, fast, signals, allocated;

static void walk(int signal)
{
	unw_context_t context;
	unw_cursor_t cursor;
	void *quick[64];

	(void)signal;
	frames = signals = 0;
	unw_getcontext(&context);
	unw_init_local(&cursor, &context);
	do {
		frames++;
		signals += unw_is_signal_frame(&cursor) > 0;
		munmap(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096);
	} while (unw_step(&cursor) > 0);
	fast = unw_backtrace(quick, 64);
}

static void *allocate(size_t size)
{
	allocated++;
	return malloc(size);
}

int main(void)
{
	json_t *all;
	char *text;

	walk(0);
	printf("%d frames, %d fast, %d of signals\n", frames, fast, signals);
	signal(SIGUSR1, walk);
	raise(SIGUSR1);
	printf("%d frames, %d fast\n", frames, fast);
	json_set_alloc_funcs(allocate, free);
	all = json_array();
	for (int i = 0; i < 1000; i++)
		json_array_append_new(all,
				      json_pack("{s:i, s:[f, s]}", "number", i, "list", i / 3.0, "text"));
	text = json_dumps(all, JSON_SORT_KEYS);
	printf("%zu bytes, %d allocations\n", strlen(text), allocated);
	json_decref(all);
	free(text);
	return 0;
}
