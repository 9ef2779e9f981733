/* SPDX-License-Identifier: MIT */
/* libc.c - see libc.h. */
#include "libc.h"

#include <link.h>
#include <string.h>
#include <unistd.h>

#include "inject.h"

typedef void (*constructor_fn)(int, char **, char **);

struct start {
	int argc;
	char **argv, **envp;
};

static void run_array(const struct dl_phdr_info *info, const ElfW(Dyn) *dyn, const struct start *start)
{
	ElfW(Addr) array = 0;
	size_t size = 0;

	for (; dyn->d_tag != DT_NULL; dyn++) {
		if (dyn->d_tag == DT_INIT_ARRAY)
			array = info->dlpi_addr + dyn->d_un.d_ptr;
		else if (dyn->d_tag == DT_INIT_ARRAYSZ)
			size = dyn->d_un.d_val;
		else if (dyn->d_tag == DT_INIT)
			((constructor_fn)(info->dlpi_addr + dyn->d_un.d_ptr))(start->argc, start->argv, start->envp);
	}
	for (size_t i = 0; array && i < size / sizeof(constructor_fn); i++)
		((const constructor_fn *)array)[i](start->argc, start->argv, start->envp);
}

static int run_constructors(struct dl_phdr_info *info, size_t size, void *ctx)
{
	(void)size;
	if (!strstr(info->dlpi_name, "/libc.so.6"))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
			run_array(info, (const void *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr), ctx);
	}
	return 1;
}

bool vmsc_libc_begin(int argc, char **argv, char **envp)
{
	struct start start = { argc, argv, envp };

	if (environ != envp)
		dl_iterate_phdr(run_constructors, &start);
	return environ == envp;
}
