/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * To find the name of a function, libunwind reads symbol tables that xz has compressed
 * (.gnu_debugdata).  nsb never asks it for a name: our accessor refuses get_proc_name.  The
 * decoder of liblzma would be 60 KB of the binary, so these functions stand in for it.  They
 * fail, which libunwind takes for "there is no such table".
 */
#include <lzma.h>

lzma_ret lzma_stream_footer_decode(lzma_stream_flags *options, const uint8_t *in)
{
	(void)options;
	(void)in;
	return LZMA_OPTIONS_ERROR;
}

lzma_ret lzma_index_buffer_decode(lzma_index **index, uint64_t *memlimit,
				  const lzma_allocator *allocator, const uint8_t *in,
				  size_t *in_pos, size_t in_size)
{
	(void)index;
	(void)memlimit;
	(void)allocator;
	(void)in;
	(void)in_pos;
	(void)in_size;
	return LZMA_OPTIONS_ERROR;
}

lzma_vli lzma_index_size(const lzma_index *index)
{
	(void)index;
	return 0;
}

lzma_vli lzma_index_uncompressed_size(const lzma_index *index)
{
	(void)index;
	return 0;
}

void lzma_index_end(lzma_index *index, const lzma_allocator *allocator)
{
	(void)index;
	(void)allocator;
}

lzma_ret lzma_stream_buffer_decode(uint64_t *memlimit, uint32_t flags,
				   const lzma_allocator *allocator, const uint8_t *in,
				   size_t *in_pos, size_t in_size, uint8_t *out, size_t *out_pos,
				   size_t out_size)
{
	(void)memlimit;
	(void)flags;
	(void)allocator;
	(void)in;
	(void)in_pos;
	(void)in_size;
	(void)out;
	(void)out_pos;
	(void)out_size;
	return LZMA_OPTIONS_ERROR;
}
