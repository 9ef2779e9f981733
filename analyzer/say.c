/* SPDX-License-Identifier: MIT */
#include "say.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "value.h"

static int trouble_status = VMSC_EXIT_TROUBLE;

void vmsc_set_trouble_status(int status)
{
	trouble_status = status;
}

int vmsc_trouble_status(void)
{
	return trouble_status;
}

void vmsc_out_of_memory(void)
{
	static const char text[] = "vmascope: out of memory\n";
	ssize_t written = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)written;
	_exit(trouble_status);
}

void vmsc_complain(const char *format, ...)
{
	char text[1024];
	va_list args;
	char *line;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	line = vmsc_printable(text, strlen(text));
	fprintf(stderr, "vmascope: %s\n", line);
	free(line);
}

void *vmsc_alloc(size_t size)
{
	void *ptr = calloc(1, size ? size : 1);

	if (!ptr)
		vmsc_out_of_memory();
	return ptr;
}

void *vmsc_grow(void *ptr, size_t nr, size_t size)
{
	if (nr > SIZE_MAX / size)
		vmsc_out_of_memory();
	ptr = realloc(ptr, nr * size);
	if (!ptr)
		vmsc_out_of_memory();
	return ptr;
}

char *vmsc_format(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		vmsc_out_of_memory();
	va_end(args);
	return text;
}
