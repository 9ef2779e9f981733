/* SPDX-License-Identifier: MIT */
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image.h"
#include "lines.h"
#include "say.h"

#define READ_STEP ((size_t)1 << 20)

static bool read_all(struct vmsc_input *input, int fd)
{
	ssize_t n;

	for (;;) {
		if (input->size == input->spool.room)
			vmsc_spool_grow(&input->spool, input->size + READ_STEP);
		input->data = input->spool.data;
		n = read(fd, input->data + input->size, input->spool.room - input->size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return !n;
		input->size += (size_t)n;
	}
}

static bool is_trace_file(int fd, size_t *size)
{
	char magic[sizeof(VMSC_TRACE_MAGIC) - 1];
	struct stat about;

	if (fstat(fd, &about) || !S_ISREG(about.st_mode) || lseek(fd, 0, SEEK_CUR))
		return false;
	*size = (size_t)about.st_size;
	return pread(fd, magic, sizeof(magic), 0) == sizeof(magic) &&
	       !memcmp(magic, VMSC_TRACE_MAGIC, sizeof(magic));
}

/* Takes @fd over. */
static bool read_blocks(struct vmsc_input *input, int fd, size_t size)
{
	input->blocks = vmsc_alloc(sizeof(*input->blocks));
	if (!vmsc_blocks_open(input->blocks, fd, size)) {
		free(input->blocks);
		input->blocks = NULL;
		close(fd);
		return false;
	}
	input->data = input->blocks->data;
	input->size = size;
	return true;
}

static bool read_whole(struct vmsc_input *input, int fd)
{
	bool good = read_all(input, fd);
	int err = errno;

	close(fd);
	errno = err;
	return good;
}

static bool read_file(struct vmsc_input *input)
{
	int fd = !strcmp(input->path, "-") ? dup(STDIN_FILENO) : open(input->path, O_RDONLY | O_CLOEXEC);
	size_t size;

	if (fd < 0) {
		vmsc_complain("%s: can't open: %s", input->path, strerror(errno));
		return false;
	}
	if (is_trace_file(fd, &size) ? read_blocks(input, fd, size) : read_whole(input, fd))
		return true;
	vmsc_complain("%s: can't read: %s", input->path, strerror(errno));
	return false;
}

static bool is_lines(const struct vmsc_input *input)
{
	size_t i = 0;

	while (i < input->size && input->data[i] && strchr(" \t\r\n", input->data[i]))
		i++;
	return i < input->size && input->data[i] == '{';
}

static bool load_lines(struct vmsc_input *input)
{
	struct vmsc_image image;
	char *why;
	bool good = vmsc_lines_read((const char *)input->data, input->size, &image, &why);

	vmsc_spool_free(&input->spool);
	input->data = NULL;
	if (!good) {
		vmsc_complain("%s: %s; correct the line or export the trace again", input->path, why);
		free(why);
		return false;
	}
	input->spool = image.bytes;
	input->data = image.bytes.data;
	input->size = image.size;
	return true;
}

static bool header_is_good(const struct vmsc_input *input)
{
	const struct vmsc_trace_header *header = (const void *)input->data;
	const size_t magic = sizeof(header->magic);
	const char *what;

	if (!input->size) {
		vmsc_complain("%s: is empty, nothing was recorded into it; record again", input->path);
		return false;
	}
	if (input->size < magic || memcmp(input->data, VMSC_TRACE_MAGIC, magic)) {
		vmsc_complain("%s: is not a trace of vmascope (no \"%s\" at its start) nor JSON Lines",
			      input->path, VMSC_TRACE_MAGIC);
		return false;
	}
	if (input->size < VMSC_TRACE_HEADER_SIZE) {
		vmsc_complain("%s: is cut off inside its header, at byte %zu of %d; record or copy it again",
			      input->path, input->size, VMSC_TRACE_HEADER_SIZE);
		return false;
	}
	if (header->endian == VMSC_TRACE_ENDIAN && header->version > VMSC_TRACE_VERSION) {
		vmsc_complain("%s: has format version %u, this vmascope reads up to %d; use a newer vmascope",
			      input->path, header->version, VMSC_TRACE_VERSION);
		return false;
	}
	if (vmsc_header_check(header, input->size, &what)) {
		vmsc_complain("%s: header: %s; record or copy it again", input->path, what);
		return false;
	}
	return true;
}

static void enter_block(void *ctx, size_t offset)
{
	vmsc_blocks_enter(ctx, offset);
}

bool vmsc_input_rewind(struct vmsc_input *input)
{
	if (!vmsc_trace_open(&input->trace, input->data, input->size)) {
		input->trace.enter = input->blocks ? enter_block : NULL;
		input->trace.ctx = input->blocks;
		return true;
	}
	vmsc_complain("%s: can't be read as a trace: %s", input->path,
		      input->trace.problem ? input->trace.problem : "no blocks");
	return false;
}

bool vmsc_input_open(struct vmsc_input *input, const char *path)
{
	signal(SIGXFSZ, SIG_IGN); /* a limit on the size of files is told, as a full disk is */
	memset(input, 0, sizeof(*input));
	input->path = path;
	if (read_file(input) && (!is_lines(input) || load_lines(input)) && header_is_good(input) &&
	    vmsc_input_rewind(input))
		return true;
	vmsc_input_close(input);
	return false;
}

const struct vmsc_record *vmsc_input_record(struct vmsc_input *input, size_t offset, unsigned int type)
{
	size_t in_block = (offset - VMSC_TRACE_HEADER_SIZE) % VMSC_TRACE_BLOCK_SIZE,
	       left = VMSC_TRACE_BLOCK_SIZE - in_block;
	const struct vmsc_record *record = (const void *)(input->data + offset);
	const char *what;

	if (input->blocks)
		vmsc_blocks_want(input->blocks, offset);
	if (left > input->size - offset)
		left = input->size - offset;
	if (vmsc_record_check(record, left, &what) || record->type != type) {
		vmsc_complain("%s: was changed while it was read, at byte %zu; read a copy", input->path,
			      offset);
		exit(vmsc_trouble_status());
	}
	return record;
}

void vmsc_input_close(struct vmsc_input *input)
{
	if (input->blocks)
		vmsc_blocks_close(input->blocks);
	free(input->blocks);
	vmsc_spool_free(&input->spool);
	input->blocks = NULL;
	input->data = NULL;
}

bool vmsc_input_complain_if_damaged(const struct vmsc_input *input)
{
	if (input->blocks && input->blocks->error) {
		vmsc_complain("%s: can't read at byte %zu: %s; only what comes before was used", input->path,
			      input->blocks->error_at, strerror(input->blocks->error));
		return true;
	}
	if (!input->trace.problem || input->trace.truncated)
		return false;
	vmsc_complain("%s: damaged at byte %zu: %s; only what comes before was used", input->path,
		      input->trace.offset, input->trace.problem);
	return true;
}
