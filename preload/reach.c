/* SPDX-License-Identifier: MIT */
/* reach.c - see reach.h. */
#include "reach.h"

#include <string.h>
#include <unistd.h>

#include "naming.h"
#include "options.h"
#include "recorder.h"
#include "sys.h"

#include "inject.h"

#define PRELOAD "LD_PRELOAD="
#define PRELOAD_SIZE (sizeof(PRELOAD) - 1)

static const char *own_library = NULL;

void vmsc_reach_begin(const char *library)
{
	own_library = library;
}

static bool is_followed(void)
{
	return __atomic_load_n(&vmsc_rec.options.follow, __ATOMIC_RELAXED) && own_library;
}

void vmsc_reach_before_fork(void)
{
	if (is_followed() && !vmsc_naming_is_reachable())
		vmsc_problem(VMSC_NOT_RECORDED
			     "children; the folder for their traces is out of reach (another root, other rights)");
}

static bool is_there(uint64_t path, int how)
{
	return !sys6(SYS_faccessat, AT_FDCWD, path, how, 0, 0, 0);
}

bool vmsc_reach_before_exec(uint32_t nr, const uint64_t args[6])
{
	if (!is_followed() || (nr == SYS_execve && !is_there(args[0], X_OK)))
		return true;
	if (!is_there((uintptr_t)own_library, R_OK)) {
		vmsc_problem(VMSC_NOT_RECORDED "an image that was exec'ed; the library is out of its reach "
					       "(another root, other rights)");
		return false;
	}
	if (!vmsc_naming_is_reachable())
		vmsc_problem(VMSC_NOT_RECORDED "an image that was exec'ed; the folder for its trace is out "
					       "of reach (another root, other rights)");
	return true;
}

/* LD_PRELOAD's list at @from without our library. False: no room. */
static bool copy_list(char *to, size_t size, uint64_t from)
{
	long length = vmsc_sys_peek(to, from, size);

	if (length <= 0 || !memchr(to, '\0', length))
		return false;
	vmsc_options_drop(to + PRELOAD_SIZE, own_library);
	return true;
}

static bool is_preload(uint64_t var)
{
	char name[PRELOAD_SIZE];

	return vmsc_sys_peek(name, var, sizeof(name)) == sizeof(name) && !memcmp(name, PRELOAD, sizeof(name));
}

void vmsc_reach_leave_library(uint32_t nr, uint64_t args[6], struct vmsc_environment *room)
{
	uint64_t *environment = &args[nr == SYS_execve ? 2 : 3];
	long size = vmsc_sys_peek(room->vars, *environment, sizeof(room->vars));
	size_t nr_vars = size > 0 ? size / sizeof(room->vars[0]) : 0, to = 0;

	for (size_t i = 0; i < nr_vars; i++) {
		const char *var = room->vars[i];

		if (var && is_preload((uintptr_t)var)) {
			if (!copy_list(room->preload, sizeof(room->preload), (uintptr_t)var))
				return;
			if (!room->preload[PRELOAD_SIZE])
				continue;
			var = room->preload;
		}
		room->vars[to++] = var;
		if (!var) {
			*environment = (uintptr_t)room->vars;
			return;
		}
	}
}
