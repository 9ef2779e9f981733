/* SPDX-License-Identifier: MIT */
#include "scratch.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

bool scratch_map_fd(size_t first, size_t nr, int prot, int flags, int fd)
{
	void *wanted = scratch_page(first);

	return mmap(wanted, nr * VMSC_PAGE_SIZE, prot, flags | MAP_FIXED, fd, 0) == wanted;
}

bool scratch_map(size_t first, size_t nr, int prot, int flags)
{
	return scratch_map_fd(first, nr, prot, flags, -1);
}

void scratch_touch(size_t page)
{
	*(volatile char *)scratch_page(page) = 1;
}

bool scratch_protect(size_t first, size_t nr, int prot)
{
	return !mprotect(scratch_page(first), nr * VMSC_PAGE_SIZE, prot);
}

struct look {
	uint64_t start, end;
	struct scratch_view *view;
};

static int on_seen(void *ctx, const struct vmsc_seen_record *seen, const char *name, size_t length)
{
	struct look *look = ctx;

	if (seen->end <= look->start || seen->start >= look->end)
		return 0;
	if (!look->view->nr++) {
		look->view->start = (seen->start - SCRATCH_BASE) / VMSC_PAGE_SIZE;
		look->view->end = (seen->end - SCRATCH_BASE) / VMSC_PAGE_SIZE;
		look->view->vm_flags = seen->vm_flags;
		look->view->is_heap = length == 6 && !memcmp(name, "[heap]", 6);
	}
	return 0;
}

void scratch_look_at(uint64_t start, uint64_t end, struct scratch_view *view)
{
	static char text[1 << 16];
	struct look look = {start, end, view};
	struct vmsc_smaps smaps;
	int fd = open("/proc/self/smaps", O_RDONLY | O_CLOEXEC), err = 0;
	ssize_t n;

	memset(view, 0, sizeof(*view));
	vmsc_smaps_begin(&smaps, on_seen, &look);
	while (fd >= 0 && !err && (n = read(fd, text, sizeof(text))) > 0)
		err = vmsc_smaps_feed(&smaps, text, (size_t)n);
	if (!err)
		err = vmsc_smaps_finish(&smaps);
	if (err)
		view->nr = 0;
	if (fd >= 0)
		close(fd);
}

void scratch_look(size_t first, size_t nr, struct scratch_view *view)
{
	scratch_look_at(SCRATCH_BASE + first * VMSC_PAGE_SIZE, SCRATCH_BASE + (first + nr) * VMSC_PAGE_SIZE,
			view);
}

uint64_t scratch_flags(size_t page)
{
	struct scratch_view view;

	scratch_look(page, 1, &view);
	return view.vm_flags;
}

size_t scratch_vmas(size_t first, size_t nr)
{
	struct scratch_view view;

	scratch_look(first, nr, &view);
	return view.nr;
}
