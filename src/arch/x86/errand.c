/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "errand.h"

#include <string.h>

/* The numbers that instructions have for registers. */
enum { AX, CX, DX, BX, SP, BP, SI, DI, R8, R9, R10, R11, R12, R13, R14, R15 };

/* In front of the code is what it reads: how long to wait, and at these offsets the signal mask, the pc and a text. */
#define MASK_AT 16
#define PC_AT 24
#define TEXT_AT 32

#define FLAG_DIRECTION (1u << 10)
#define FLAG_OVERFLOW (1u << 11)

/* The ABI that code is written for. */
struct abi {
	bool is_long;
	uint8_t args[6];		/* the registers of a system call's arguments */
	uint8_t result, index;		/* registers that ppoll and the code in front of it leave alone */
	uint8_t dwarf[16];		/* the DWARF number of each register */
	unsigned n_regs;
};

/* psABI AMD64, figure 3.36 for DWARF's numbers and A.2.1 for the arguments. */
static const struct abi abi_amd64 = {
	true, { DI, SI, DX, R10, R8, R9 }, BX, BP,
	{ 0, 2, 1, 3, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15 }, 16
};

/* psABI Intel386, table 2.14: DWARF's numbers are those of the instructions. */
static const struct abi abi_i386 = {
	false, { BX, CX, DX, SI, DI, BP }, DI, BP, { 0, 1, 2, 3, 4, 5, 6, 7 }, 8
};

/* Code that is being written; what does not fit only counts. */
struct writer {
	const struct arch *arch;
	const struct abi *abi;
	uint8_t *out;
	uint64_t address;	/* that out[0] will have */
	size_t at, room;
};

static void put(struct writer *w, const void *bytes, size_t size)
{
	if (w->at + size <= w->room)
		memcpy(w->out + w->at, bytes, size);
	w->at += size;
}

static void put_byte(struct writer *w, uint8_t byte)
{
	put(w, &byte, 1);
}

static void put_word(struct writer *w, uint64_t word, size_t size)
{
	put(w, &word, size);	/* x86 is little-endian, and so is an nsb for it */
}

/* MOV reg, constant: changes no flags. */
static void put_mov(struct writer *w, unsigned reg, uint64_t value)
{
	bool is_wide = w->abi->is_long && value > UINT32_MAX;

	if (is_wide || reg >= R8)
		put_byte(w, (uint8_t)(0x40u | (is_wide ? 8u : 0u) | reg >> 3));
	put_byte(w, (uint8_t)(0xb8 | (reg & 7)));
	put_word(w, value, is_wide ? 8 : 4);
}

/* An operation of a register with a register, with its ModRM byte: MOV 89, CMP 39. */
static void put_both(struct writer *w, uint8_t op, unsigned to, unsigned from)
{
	if (w->abi->is_long)
		put_byte(w, (uint8_t)(0x48u | from >> 3 << 2 | to >> 3));
	put_byte(w, op);
	put_byte(w, (uint8_t)(0xc0u | (from & 7) << 3 | (to & 7)));
}

static void put_enter(struct writer *w)
{
	put(w, w->arch->syscall_insn, w->arch->syscall_insn_size);
}

/* A call with constants, of which the last arguments may be left out. */
static void put_call(struct writer *w, enum nr nr, const uint64_t *args, size_t count)
{
	for (size_t i = 0; i < count; i++)
		put_mov(w, w->abi->args[i], args[i]);
	put_mov(w, AX, (uint64_t)w->arch->nr[nr]);
	put_enter(w);
}

/*
 * Put the flags right without a stack: SAHF sets all that arithmetic sets but the overflow
 * flag, which a sum sets before; the other flags were not changed (SDM vol. 1, 3.4.3).
 */
static void put_flags(struct writer *w, uint32_t flags)
{
	put_mov(w, AX, (flags & 0xff) << 8 | ((flags & FLAG_OVERFLOW) != 0));
	put(w, (const uint8_t[]){ 0x04, 0x7f }, 2);	/* ADD AL, 0x7f: 1 + 0x7f overflows */
	put_byte(w, 0x9e);				/* SAHF */
	put_byte(w, (flags & FLAG_DIRECTION) != 0 ? 0xfd : 0xfc);	/* STD, CLD */
}

/* Put all registers right but the stack pointer, which was never changed, and go on at the pc. */
static void put_way_back(struct writer *w, const struct arch_errand *errand)
{
	const struct abi *abi = w->abi;

	put_flags(w, (uint32_t)regs_get(w->arch, errand->back, REG_FLAGS));
	for (unsigned reg = 0; reg < abi->n_regs; reg++) {
		if (reg != SP)
			put_mov(w, reg, regs_get_dwarf(w->arch, errand->back, abi->dwarf[reg]));
	}
	if (abi->is_long) {
		put(w, (const uint8_t[]){ 0xff, 0x25 }, 2);	/* JMP *pc(%rip) */
		put_word(w, (uint32_t)(PC_AT - w->at - 4), 4);
	} else {
		put_byte(w, 0xe9);				/* JMP pc */
		put_word(w, (uint32_t)(regs_get(w->arch, errand->back, REG_PC) - (w->address + w->at + 4)), 4);
	}
}

static void put_calls(struct writer *w, const struct arch_errand *errand)
{
	const struct abi *abi = w->abi;
	size_t leaves[ERRAND_CALLS_MAX];	/* where the displacement of each JNE is */

	for (size_t i = 0; i < errand->n_calls; i++) {
		const struct arch_call *call = &errand->calls[i];
		const uint64_t args[6] = { call->args[0], call->args[1], call->args[2], call->args[3],
					   call->takes_text ? w->address + TEXT_AT : UINT64_MAX, 0 };

		put_call(w, call->nr, args, 6);
		if (call->takes_text)
			put_mov(w, AX, call->expected);
		put_mov(w, CX, i);
		put_mov(w, DX, call->expected);
		put_both(w, 0x39, AX, DX);			/* CMP */
		put(w, (const uint8_t[]){ 0x0f, 0x85 }, 2);	/* JNE */
		leaves[i] = w->at;
		put_word(w, 0, 4);
	}
	for (size_t i = 0; i < errand->n_calls && w->at <= w->room; i++)
		memcpy(w->out + leaves[i], &(uint32_t){ (uint32_t)(w->at - leaves[i] - 4) }, 4);
	put_both(w, 0x89, abi->result, AX);			/* MOV */
	put_both(w, 0x89, abi->index, CX);
}

size_t x86_errand(const struct arch *arch, const struct arch_errand *errand, uint64_t at,
		  uint8_t *out, size_t room, struct errand_places *places)
{
	const struct abi *abi = arch->word == 8 ? &abi_amd64 : &abi_i386;
	struct writer w = { .arch = arch, .abi = abi, .out = out, .address = at, .room = room };
	const uint64_t wait[4] = { 0, 0, at, 0 };
	const uint64_t mask[4] = { 2, at + MASK_AT, 0, 8 };	/* SIG_SETMASK */

	put_word(&w, errand->wait_ns / 1000000000u, arch->word);
	put_word(&w, errand->wait_ns % 1000000000u, arch->word);
	put_word(&w, 0, MASK_AT - 2 * arch->word);
	put_word(&w, errand->mask, 8);
	put_word(&w, regs_get(arch, errand->back, REG_PC), 8);
	places->text = w.at;
	if (errand->text != NULL)
		put(&w, errand->text, strlen(errand->text) + 1);
	places->begin = w.at;
	if (errand->n_calls == 0) {
		put_enter(&w);
		places->entered = w.at;
	} else {
		put_calls(&w, errand);
		put_call(&w, NR_PPOLL, wait, 4);
		places->entered = w.at;
		put_call(&w, NR_RT_SIGPROCMASK, mask, 4);
	}
	put_way_back(&w, errand);
	return w.at <= room ? w.at : 0;
}
