/* SPDX-License-Identifier: MIT */
/*
 * The program is the same for all processes; a link binds it to one, and each look is a new iterator of that
 * link. Where the structures' members lie is found in the kernel's BTF.
 */
#include "vma_iter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/btf.h>

#include "say.h"

/* --- BTF --- */

struct btf {
	char *bytes;
	const char *strings;
	const struct btf_type **types; /* by id, from 1 */
	uint32_t nr;
};

/* What follows a struct btf_type. */
static size_t size_behind(const struct btf_type *type)
{
	size_t nr = BTF_INFO_VLEN(type->info);

	switch (BTF_INFO_KIND(type->info)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return 4;
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_DATASEC:
	case BTF_KIND_ENUM64:
		return nr * 12;
	case BTF_KIND_ENUM:
	case BTF_KIND_FUNC_PROTO:
		return nr * 8;
	default:
		return 0;
	}
}

static bool list_types(struct btf *btf, size_t size)
{
	const struct btf_header *header = (const void *)btf->bytes;
	const char *at, *end;
	uint32_t room = 0;

	if (size < sizeof(*header) || header->magic != BTF_MAGIC ||
	    (uint64_t)header->hdr_len + header->type_off + header->type_len > size ||
	    (uint64_t)header->hdr_len + header->str_off + header->str_len > size)
		return false;
	btf->strings = btf->bytes + header->hdr_len + header->str_off;
	at = btf->bytes + header->hdr_len + header->type_off;
	end = at + header->type_len;
	for (btf->nr = 1; end - at >= (ptrdiff_t)sizeof(struct btf_type); btf->nr++) {
		if (btf->nr >= room) {
			room = room ? 2 * room : 1 << 16;
			btf->types = vmsc_grow(btf->types, room, sizeof(*btf->types));
		}
		btf->types[btf->nr] = (const void *)at;
		at += sizeof(struct btf_type) + size_behind((const void *)at);
	}
	return at == end;
}

static bool btf_read(struct btf *btf)
{
	int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY | O_CLOEXEC);
	struct stat about;
	size_t size, got = 0;
	ssize_t n = 1;

	memset(btf, 0, sizeof(*btf));
	if (fd < 0 || fstat(fd, &about))
		return false;
	size = (size_t)about.st_size;
	btf->bytes = vmsc_alloc(size);
	while (got < size && (n = read(fd, btf->bytes + got, size - got)) > 0)
		got += (size_t)n;
	close(fd);
	return got == size && list_types(btf, size);
}

static void btf_free(struct btf *btf)
{
	free(btf->bytes);
	free(btf->types);
}

static uint32_t btf_find(const struct btf *btf, unsigned int kind, const char *name)
{
	for (uint32_t id = 1; id < btf->nr; id++)
		if (BTF_INFO_KIND(btf->types[id]->info) == kind &&
		    !strcmp(btf->strings + btf->types[id]->name_off, name))
			return id;
	return 0;
}

static bool is_compound(const struct btf_type *type)
{
	return BTF_INFO_KIND(type->info) == BTF_KIND_STRUCT || BTF_INFO_KIND(type->info) == BTF_KIND_UNION;
}

/* Where @name lies in type @id, also inside members that have no name; -1: nowhere. */
static int offset_in(const struct btf *btf, uint32_t id, const char *name)
{
	const struct btf_type *type = btf->types[id];
	const struct btf_member *member = (const void *)(type + 1);

	if (!is_compound(type))
		return -1;
	for (size_t i = 0; i < BTF_INFO_VLEN(type->info); i++, member++) {
		int bits = (int)(BTF_INFO_KFLAG(type->info) ? BTF_MEMBER_BIT_OFFSET(member->offset)
							    : member->offset);
		int inside;

		if (!strcmp(btf->strings + member->name_off, name))
			return bits / 8;
		inside = member->name_off ? -1 : offset_in(btf, member->type, name);
		if (inside >= 0)
			return bits / 8 + inside;
	}
	return -1;
}

/* --- the program --- */

enum { START, END, FLAGS, PGOFF, ANON_VMA, FILE_, F_INODE, I_INO, NR_OFFSETS };

static bool find_offsets(const struct btf *btf, int *offsets)
{
	static const struct {
		const char *type, *member;
	} wanted[NR_OFFSETS] = {
		[START] = {"vm_area_struct", "vm_start"}, [END] = {"vm_area_struct", "vm_end"},
		[FLAGS] = {"vm_area_struct", "vm_flags"}, [PGOFF] = {"vm_area_struct", "vm_pgoff"},
		[FILE_] = {"vm_area_struct", "vm_file"},  [ANON_VMA] = {"vm_area_struct", "anon_vma"},
		[F_INODE] = {"file", "f_inode"},	  [I_INO] = {"inode", "i_ino"},
	};

	for (int i = 0; i < NR_OFFSETS; i++) {
		uint32_t id = btf_find(btf, BTF_KIND_STRUCT, wanted[i].type);

		offsets[i] = id ? offset_in(btf, id, wanted[i].member) : -1;
		if (offsets[i] < 0 || offsets[i] > INT16_MAX)
			return false;
	}
	return true;
}

#define LOAD(to, from, offset)                                                                               \
	((struct bpf_insn){.code = BPF_LDX | BPF_DW | BPF_MEM,                                               \
			   .dst_reg = (to),                                                                  \
			   .src_reg = (from),                                                                \
			   .off = (int16_t)(offset)})
#define STORE(offset, from)                                                                                  \
	((struct bpf_insn){.code = BPF_STX | BPF_DW | BPF_MEM,                                               \
			   .dst_reg = 10,                                                                    \
			   .src_reg = (from),                                                                \
			   .off = (int16_t)(offset)})
#define MOVE(to, from)                                                                                       \
	((struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = (to), .src_reg = (from)})
#define SET(to, value)                                                                                       \
	((struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = (to), .imm = (int32_t)(value)})
#define ADD(to, value)                                                                                       \
	((struct bpf_insn){.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = (to), .imm = (int32_t)(value)})
#define CALL(function) ((struct bpf_insn){.code = BPF_JMP | BPF_CALL, .imm = (int32_t)(function)})

enum {
	WRITE = 127, /* bpf_seq_write() */
	RECORD = sizeof(struct vmsc_raw_vma),
	/* A look reads so much at a time, and the first VMA beyond the end fills it up: the kernel then
	   stops. */
	CHUNK = 1120,
	PAD = CHUNK / 5,
};

struct code {
	struct bpf_insn insns[128];
	int nr;
};

static void emit(struct code *code, struct bpf_insn insn)
{
	code->insns[code->nr++] = insn;
}

/* bpf_seq_write(r6, the top @size bytes of the stack) */
static void emit_write(struct code *code, int size)
{
	emit(code, MOVE(1, 6));
	emit(code, MOVE(2, 10));
	emit(code, ADD(2, -size));
	emit(code, SET(3, size));
	emit(code, CALL(WRITE));
}

/* r7 is the VMA; a member's value into the record. */
static void emit_member(struct code *code, int offset, size_t in_record)
{
	emit(code, LOAD(8, 7, offset));
	emit(code, STORE((int)in_record - RECORD, 8));
}

static void emit_record(struct code *code, const int *offsets)
{
	emit_member(code, offsets[START], offsetof(struct vmsc_raw_vma, start));
	emit_member(code, offsets[END], offsetof(struct vmsc_raw_vma, end));
	emit_member(code, offsets[PGOFF], offsetof(struct vmsc_raw_vma, pgoff));
	emit_member(code, offsets[FLAGS], offsetof(struct vmsc_raw_vma, raw_flags));
	emit_member(code, offsets[ANON_VMA], offsetof(struct vmsc_raw_vma, anon_vma));
	emit_member(code, offsets[FILE_], offsetof(struct vmsc_raw_vma, file));
	emit(code, LOAD(8, 7, offsets[FILE_])); /* where there is no file, zeroes are read */
	emit(code, LOAD(8, 8, offsets[F_INODE]));
	emit(code, LOAD(8, 8, offsets[I_INO]));
	emit(code, STORE((int)offsetof(struct vmsc_raw_vma, inode) - RECORD, 8));
	emit_write(code, RECORD);
}

static void emit_pad(struct code *code)
{
	emit(code, SET(8, 0));
	for (int offset = 8; offset <= PAD; offset += 8)
		emit(code, STORE(-offset, 8));
	for (int i = 0; i < CHUNK / PAD; i++)
		emit_write(code, PAD);
}

static void emit_exit(struct code *code)
{
	emit(code, SET(0, 0));
	emit(code, (struct bpf_insn){.code = BPF_JMP | BPF_EXIT});
}

/* The argument: r1 = { struct bpf_iter_meta *{ struct seq_file *, … }, task, vma or NULL at the end } */
static void write_code(struct code *code, const int *offsets, uint64_t end)
{
	int to_exit, to_pad;

	emit(code, LOAD(6, 1, 0));
	emit(code, LOAD(7, 1, 16));
	to_exit = code->nr;
	emit(code, (struct bpf_insn){.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = 7});
	emit(code, LOAD(6, 6, 0));
	emit(code, LOAD(8, 7, offsets[START]));
	emit(code, (struct bpf_insn){.code = BPF_LD | BPF_DW /* BPF_IMM */,
				     .dst_reg = 9,
				     .imm = (int32_t)(uint32_t)end});
	emit(code, (struct bpf_insn){.imm = (int32_t)(end >> 32)});
	to_pad = code->nr;
	emit(code, (struct bpf_insn){.code = BPF_JMP | BPF_JGE | BPF_X, .dst_reg = 8, .src_reg = 9});
	emit_record(code, offsets);
	code->insns[to_exit].off = (int16_t)(code->nr - to_exit - 1);
	emit_exit(code);
	code->insns[to_pad].off = (int16_t)(code->nr - to_pad - 1);
	emit_pad(code);
	emit_exit(code);
}

static int bpf(int command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static int load(uint32_t function, const struct code *code)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_TRACING;
	attr.expected_attach_type = BPF_TRACE_ITER;
	attr.attach_btf_id = function;
	attr.insns = (uintptr_t)code->insns;
	attr.insn_cnt = (uint32_t)code->nr;
	attr.license = (uintptr_t) "Dual MIT/GPL";
	memcpy(attr.prog_name, "vmascope", sizeof("vmascope"));
	return bpf(BPF_PROG_LOAD, &attr);
}

static int make_program(uint64_t end)
{
	struct btf btf;
	struct code code = {.nr = 0};
	int offsets[NR_OFFSETS], program = -1;
	uint32_t function;

	if (btf_read(&btf) && find_offsets(&btf, offsets)) {
		function = btf_find(&btf, BTF_KIND_FUNC, "bpf_iter_task_vma");
		write_code(&code, offsets, end);
		program = function ? load(function, &code) : -1;
	}
	btf_free(&btf);
	return program;
}

/* --- looking --- */

int vmsc_vma_iter_program(uint64_t end)
{
	static int program = -2; /* not tried */
	int fd;

	if (program == -2) {
		fd = make_program(end);
		program = fd < 0 ? -1 : dup(fd); /* not closed by exec */
		if (fd >= 0)
			close(fd);
	}
	return program;
}

int vmsc_vma_iter_link(pid_t tid, uint64_t end)
{
	int program = vmsc_vma_iter_program(end);
	union bpf_iter_link_info info;
	union bpf_attr attr;

	if (program < 0)
		return -1;
	memset(&info, 0, sizeof(info));
	info.task.tid = (uint32_t)tid;
	memset(&attr, 0, sizeof(attr));
	attr.link_create.prog_fd = (uint32_t)program;
	attr.link_create.attach_type = BPF_TRACE_ITER;
	attr.link_create.iter_info = (uintptr_t)&info;
	attr.link_create.iter_info_len = sizeof(info);
	return bpf(BPF_LINK_CREATE, &attr);
}

int vmsc_vma_iter_read(int link, struct vmsc_raw_vma *vmas, int max)
{
	char bytes[CHUNK];
	union bpf_attr attr;
	int iter, nr = 0;
	ssize_t n;

	memset(&attr, 0, sizeof(attr));
	attr.iter_create.link_fd = (uint32_t)link;
	iter = bpf(BPF_ITER_CREATE, &attr);
	if (iter < 0)
		return -1;
	/* Read once too often, an iterator of one process begins again somewhere. */
	for (bool done = false; !done && (n = read(iter, bytes, sizeof(bytes))) > 0;)
		for (ssize_t at = 0; at + RECORD <= n && !done; at += RECORD) {
			memcpy(&vmas[nr], bytes + at, RECORD);
			done = !vmas[nr].end || (nr && vmas[nr].start < vmas[nr - 1].end) || ++nr == max;
		}
	close(iter);
	return nr;
}
