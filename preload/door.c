/* SPDX-License-Identifier: MIT */
/* door.c - see door.h. */
#include "door.h"

#include <dlfcn.h>
#include <link.h>
#include <string.h>
#include <sys/prctl.h>

#include "displace.h"
#include "patch.h"
#include "recorder.h"
#include "sys.h"

#include "inject.h"

#define SET_DISPATCH 59 /* PR_SET_SYSCALL_USER_DISPATCH and its arguments: older headers do not know them */
#define DISPATCH_OFF 0
#define DISPATCH_ON 1
#define JUMP_AT 2 /* in a cell of the door: behind its system call */
#define JUMP_SIZE 5
#define RETURN_SIZE 9 /* mov $15,%rax; syscall */
#define RETURN_CALL_AT 7

struct span {
	uint64_t start, end;
};

static uint64_t restorer = 0;

static int find_text(struct dl_phdr_info *info, size_t size, void *ctx)
{
	struct span *text = ctx;

	(void)size;
	if (!strstr(info->dlpi_name, "/libc.so.6"))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *phdr = &info->dlpi_phdr[i];

		if (phdr->p_type != PT_LOAD || !(phdr->p_flags & PF_X))
			continue;
		text->start = info->dlpi_addr + phdr->p_vaddr;
		text->end = text->start + phdr->p_memsz;
	}
	return 1;
}

/* The first place in @text with these bytes, 0: none. */
static uint64_t search(const struct span *text, const void *bytes, size_t size)
{
	const void *at = memmem((const void *)(uintptr_t)text->start, text->end - text->start, bytes, size);

	return (uintptr_t)at;
}

/* The cells' jumps are relative: a copy at @to has to come to the same places. */
static bool relocate(unsigned char *copy, uint64_t to)
{
	for (uint64_t at = VMSC_DOOR_PASS; at < VMSC_DOOR_SIZE; at += VMSC_DOOR_CELL) {
		int64_t distance;
		int32_t near;

		if (copy[at + JUMP_AT] != 0xe9)
			continue;
		memcpy(&near, copy + at + JUMP_AT + 1, sizeof(near));
		distance = near + (int64_t)((uintptr_t)vmsc_home_door - to);
		near = distance;
		if (near != distance)
			return false;
		memcpy(copy + at + JUMP_AT + 1, &near, sizeof(near));
	}
	return true;
}

static uint64_t copy_door(void)
{
	unsigned char copy[VMSC_DOOR_SIZE];
	uint64_t at = vmsc_displace_room(sizeof(copy));

	memcpy(copy, vmsc_home_door, sizeof(copy));
	if (!at || !relocate(copy, at) || !vmsc_patch_write(at, copy, sizeof(copy)))
		return 0;
	return at;
}

/*
 * libc's way back from handlers, where unwinders know their way: frames keep its address, and ours return by
 * it too.
 * @site: mov $15,%rax; syscall.
 */
static void use_restorer(uint64_t site)
{
	restorer = site;
	vmsc_handler_return = site + RETURN_CALL_AT;
	if (!vmsc_patch_jump(site, vmsc_handler_slot))
		vmsc_problem("libc's way back from signal handlers could not be patched: a handler that "
			     "blocks SIGSYS "
			     "in its frame's mask ends the program");
}

static void use_libc(const struct span *text, uint64_t door)
{
	static const unsigned char own_call[] = { 0xb8, SYS_getpid, 0, 0, 0, 0x0f, 0x05, 0xc3 };
	uint64_t found;

	vmsc_door = door;
	vmsc_way = door + VMSC_DOOR_CALL;
	restorer = door + VMSC_DOOR_RETURN;
	vmsc_dispatch.start = text->start;
	vmsc_dispatch.size = ((text->end + VMSC_PAGE_SIZE - 1) & ~(VMSC_PAGE_SIZE - 1)) - text->start;
	found = search(text, vmsc_home_door + VMSC_DOOR_RETURN, RETURN_SIZE);
	if (found)
		use_restorer(found);
	found = search(text, own_call, sizeof(own_call));
	if (found)
		vmsc_way = found + JUMP_SIZE;
}

void vmsc_door_build(bool complete)
{
	struct span text = { 0, 0 };
	uint64_t door = 0;

	vmsc_dispatch.start = (uintptr_t)vmsc_home_door;
	vmsc_dispatch.size = VMSC_DOOR_SIZE;
	restorer = (uintptr_t)vmsc_home_door + VMSC_DOOR_RETURN;
	dl_iterate_phdr(find_text, &text);
	if (complete && text.end)
		door = copy_door();
	if (door)
		use_libc(&text, door);
	else if (complete)
		vmsc_problem("no room in libc's text: also libc's calls that are none of ours trap, which is slow");
	else
		vmsc_problem(
			"not all sites of libc are patched: also its calls that are none of ours trap, which is slow");
}

uint64_t vmsc_door_at(uint64_t offset)
{
	return vmsc_door + offset;
}

bool vmsc_door_is_narrow(void)
{
	return vmsc_dispatch.size == VMSC_DOOR_SIZE;
}

uint64_t vmsc_door_restorer(void)
{
	return restorer;
}

bool vmsc_door_arm(void)
{
	return !sys6(SYS_prctl, SET_DISPATCH, DISPATCH_ON, vmsc_dispatch.start, vmsc_dispatch.size, 0, 0);
}

void vmsc_door_disarm(void)
{
	sys6(SYS_prctl, SET_DISPATCH, DISPATCH_OFF, 0, 0, 0, 0);
}
