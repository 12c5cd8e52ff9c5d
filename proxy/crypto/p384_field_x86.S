/* The arithmetic of p384_field.h in the registers of x86-64, for CPUs with BMI2 (mulx)
 * and ADX (adcx, adox: two chains of carries at once), declared by p384_field_private.h.
 *
 * With p = 2^384 - N, N = 2^128 + 2^96 - 2^32 + 1, subtracting p is adding N and dropping
 * 2^384; and -1/p modulo 2^64 is 2^32 + 1. There are no branches. */
#ifdef __x86_64__
#ifdef __CET__
#include <cet.h>
#else
#define _CET_ENDBR
#endif

    .section .note.GNU-stack, "", @progbits
    .text

/* out: rdi, a: rsi, b: rdx at first, then rbx, because mulx has its factor in rdx. A
 * number is in six of r8 to r15. */

.macro FUNCTION name
    .globl \name
    .hidden \name
    .type \name, @function
    .p2align 5
\name:
    .cfi_startproc
    _CET_ENDBR
.endm

.macro END_FUNCTION name
    ret
    .cfi_endproc
    .size \name, . - \name
.endm

.macro SAVE register
    pushq \register
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset \register, 0
.endm

.macro RESTORE register
    popq \register
    .cfi_adjust_cfa_offset -8
    .cfi_restore \register
.endm

.macro LOAD from
    movq 0(\from), %r8
    movq 8(\from), %r9
    movq 16(\from), %r10
    movq 24(\from), %r11
    movq 32(\from), %r12
    movq 40(\from), %r13
.endm

.macro STORE s0 s1 s2 s3 s4 s5
    movq \s0, 0(%rdi)
    movq \s1, 8(%rdi)
    movq \s2, 16(%rdi)
    movq \s3, 24(%rdi)
    movq \s4, 32(%rdi)
    movq \s5, 40(%rdi)
.endm

/* first is addq or subq, next adcq or sbbq */
.macro COMBINE first next with
    \first 0(\with), %r8
    \next 8(\with), %r9
    \next 16(\with), %r10
    \next 24(\with), %r11
    \next 32(\with), %r12
    \next 40(\with), %r13
.endm

/* Input: a sum below 2p, with the bits above its six limbs in `above`. Adds N to a copy,
 * and takes that if it reaches 2^384. Uses rax, rcx, rdx, rsi, rbx and c3. */
.macro BRING_BELOW_P s0 s1 s2 s3 s4 s5 above c3
    movabsq $0xffffffff00000001, %rax
    movl $0xffffffff, %ecx
    movl $1, %edx
    movl $0, \c3\()d
    movl $0, %esi
    movl $0, %ebx
    addq \s0, %rax
    adcq \s1, %rcx
    adcq \s2, %rdx
    adcq \s3, \c3
    adcq \s4, %rsi
    adcq \s5, %rbx
    adcq $0, \above
    cmovnzq %rax, \s0
    cmovnzq %rcx, \s1
    cmovnzq %rdx, \s2
    cmovnzq \c3, \s3
    cmovnzq %rsi, \s4
    cmovnzq %rbx, \s5
.endm

FUNCTION p384_x86_add
    SAVE %rbx
    SAVE %r12
    SAVE %r13
    SAVE %r14
    SAVE %r15
    LOAD %rsi
    COMBINE addq adcq %rdx
    movl $0, %r14d
    adcq $0, %r14
    BRING_BELOW_P %r8 %r9 %r10 %r11 %r12 %r13 %r14 %r15
    STORE %r8 %r9 %r10 %r11 %r12 %r13
    RESTORE %r15
    RESTORE %r14
    RESTORE %r13
    RESTORE %r12
    RESTORE %rbx
END_FUNCTION p384_x86_add

/* Subtracts N where rax is all ones. */
.macro SUBTRACT_MASKED_N
    movabsq $0xffffffff00000001, %rcx
    movl $0xffffffff, %edx
    andq %rax, %rcx
    andq %rax, %rdx
    andl $1, %eax
    subq %rcx, %r8
    sbbq %rdx, %r9
    sbbq %rax, %r10
    sbbq $0, %r11
    sbbq $0, %r12
    sbbq $0, %r13
.endm

/* After a borrow p is added: its 2^384 replaces what was borrowed. */
FUNCTION p384_x86_subtract
    SAVE %r12
    SAVE %r13
    LOAD %rsi
    COMBINE subq sbbq %rdx
    sbbq %rax, %rax
    SUBTRACT_MASKED_N
    STORE %r8 %r9 %r10 %r11 %r12 %r13
    RESTORE %r13
    RESTORE %r12
END_FUNCTION p384_x86_subtract

/* To an odd number p is added first: N is subtracted, and 2^384 is the bit that is
 * shifted in. */
FUNCTION p384_x86_halve
    SAVE %r12
    SAVE %r13
    LOAD %rsi
    movq %r8, %rax
    andl $1, %eax
    negq %rax
    SUBTRACT_MASKED_N
    sbbq $0, %rax
    shrq $1, %rax
    rcrq $1, %r13
    rcrq $1, %r12
    rcrq $1, %r11
    rcrq $1, %r10
    rcrq $1, %r9
    rcrq $1, %r8
    STORE %r8 %r9 %r10 %r11 %r12 %r13
    RESTORE %r13
    RESTORE %r12
END_FUNCTION p384_x86_halve

/* rdx times a limb of a, added in two chains of carries. */
.macro PRODUCT limb low high
    mulxq 8*\limb(%rsi), %rax, %rcx
    adcxq %rax, \low
    adoxq %rcx, \high
.endm

/* The first row of a product has nothing to add to, so one chain is enough. */
.macro FIRST_PRODUCT add limb low high
    mulxq 8*\limb(%rsi), %rax, \high
    \add %rax, \low
.endm

.macro FIRST_ROW s0 s1 s2 s3 s4 s5 s6 s7
    movq 0(%rbx), %rdx
    mulxq 0(%rsi), \s0, \s1
    FIRST_PRODUCT addq 1 \s1 \s2
    FIRST_PRODUCT adcq 2 \s2 \s3
    FIRST_PRODUCT adcq 3 \s3 \s4
    FIRST_PRODUCT adcq 4 \s4 \s5
    FIRST_PRODUCT adcq 5 \s5 \s6
    adcq $0, \s6
    xorl \s7\()d, \s7\()d
.endm

/* Adds a limb of b times a. */
.macro ROW limb s0 s1 s2 s3 s4 s5 s6 s7
    movq 8*\limb(%rbx), %rdx
    xorl \s7\()d, \s7\()d /* adds both carries */
    PRODUCT 0 \s0 \s1
    PRODUCT 1 \s1 \s2
    PRODUCT 2 \s2 \s3
    PRODUCT 3 \s3 \s4
    PRODUCT 4 \s4 \s5
    PRODUCT 5 \s5 \s6
    movl $0, %eax
    adcxq %rax, \s6
    adoxq %rax, \s7
    adcxq %rax, \s7
.endm

/* One step of Montgomery's reduction: t + mp, where m = t0 * (2^32 + 1) makes t0 vanish.
 * mp = m * 2^384 - mN. The part of mN above t0 goes to rax, rcx and rdx (t0 + t0 * 2^32
 * carries exactly if m - m * 2^32 borrows). t0 becomes the limb above t5. */
.macro REDUCE t0 t1 t2 t3 t4 t5
    movq \t0, %rax
    shlq $32, %rax
    leaq (\t0, %rax), %rcx
    shrq $32, %rcx
    addq %rax, \t0
    sbbq %rcx, %rax
    sbbq $0, %rcx
    addq \t0, %rcx
    movl $0, %edx
    adcq $0, %rdx
    subq %rax, \t1
    sbbq %rcx, \t2
    sbbq %rdx, \t3
    sbbq $0, \t4
    sbbq $0, \t5
    sbbq $0, \t0
.endm

/* The same with limbs above t5. */
.macro REDUCE_ROW s0 s1 s2 s3 s4 s5 s6 s7
    REDUCE \s0 \s1 \s2 \s3 \s4 \s5
    addq \s0, \s6
    adcq $0, \s7
.endm

FUNCTION p384_x86_multiply
    SAVE %rbx
    SAVE %r12
    SAVE %r13
    SAVE %r14
    SAVE %r15
    movq %rdx, %rbx
    FIRST_ROW %r8 %r9 %r10 %r11 %r12 %r13 %r14 %r15
    REDUCE_ROW %r8 %r9 %r10 %r11 %r12 %r13 %r14 %r15
    ROW 1 %r9 %r10 %r11 %r12 %r13 %r14 %r15 %r8
    REDUCE_ROW %r9 %r10 %r11 %r12 %r13 %r14 %r15 %r8
    ROW 2 %r10 %r11 %r12 %r13 %r14 %r15 %r8 %r9
    REDUCE_ROW %r10 %r11 %r12 %r13 %r14 %r15 %r8 %r9
    ROW 3 %r11 %r12 %r13 %r14 %r15 %r8 %r9 %r10
    REDUCE_ROW %r11 %r12 %r13 %r14 %r15 %r8 %r9 %r10
    ROW 4 %r12 %r13 %r14 %r15 %r8 %r9 %r10 %r11
    REDUCE_ROW %r12 %r13 %r14 %r15 %r8 %r9 %r10 %r11
    ROW 5 %r13 %r14 %r15 %r8 %r9 %r10 %r11 %r12
    REDUCE_ROW %r13 %r14 %r15 %r8 %r9 %r10 %r11 %r12
    BRING_BELOW_P %r14 %r15 %r8 %r9 %r10 %r11 %r12 %r13
    STORE %r14 %r15 %r8 %r9 %r10 %r11
    RESTORE %r15
    RESTORE %r14
    RESTORE %r13
    RESTORE %r12
    RESTORE %rbx
END_FUNCTION p384_x86_multiply

/* Twelve limbs on the stack, in its red zone: nothing is called meanwhile. */
#define WIDE -96

.macro KEEP limb register
    movq \register, WIDE+8*\limb(%rsp)
.endm

.macro LAST_CARRY register
    movl $0, %eax
    adcxq %rax, \register
.endm

/* Doubles two limbs of the mixed products and adds the square of one of a. */
.macro SQUARE limb even odd
    movq 8*\limb(%rsi), %rdx
    mulxq %rdx, %rdx, %rcx
    movq WIDE+16*\limb(%rsp), \even
    adcxq \even, \even
    adoxq %rdx, \even
    movq WIDE+16*\limb+8(%rsp), \odd
    adcxq \odd, \odd
    adoxq %rcx, \odd
.endm

.macro SQUARE_AND_KEEP limb
    SQUARE \limb %r14 %rax
    movq %r14, WIDE+16*\limb(%rsp)
    movq %rax, WIDE+16*\limb+8(%rsp)
.endm

FUNCTION p384_x86_square
    SAVE %rbx
    SAVE %r12
    SAVE %r13
    SAVE %r14
    SAVE %r15
    movq 0(%rsi), %rdx
    mulxq 8(%rsi), %r8, %r9
    FIRST_PRODUCT addq 2 %r9 %r10
    FIRST_PRODUCT adcq 3 %r10 %r11
    FIRST_PRODUCT adcq 4 %r11 %r12
    FIRST_PRODUCT adcq 5 %r12 %r13
    adcq $0, %r13
    KEEP 1 %r8
    KEEP 2 %r9

    movq 8(%rsi), %rdx
    xorl %r14d, %r14d
    PRODUCT 2 %r10 %r11
    PRODUCT 3 %r11 %r12
    PRODUCT 4 %r12 %r13
    PRODUCT 5 %r13 %r14
    LAST_CARRY %r14
    KEEP 3 %r10
    KEEP 4 %r11

    movq 16(%rsi), %rdx
    xorl %r8d, %r8d
    PRODUCT 3 %r12 %r13
    PRODUCT 4 %r13 %r14
    PRODUCT 5 %r14 %r8
    LAST_CARRY %r8
    KEEP 5 %r12
    KEEP 6 %r13

    movq 24(%rsi), %rdx
    xorl %r9d, %r9d
    PRODUCT 4 %r14 %r8
    PRODUCT 5 %r8 %r9
    LAST_CARRY %r9
    KEEP 7 %r14
    KEEP 8 %r8

    movq 32(%rsi), %rdx
    xorl %r10d, %r10d
    PRODUCT 5 %r9 %r10
    LAST_CARRY %r10
    KEEP 9 %r9
    KEEP 10 %r10

    xorl %r8d, %r8d
    KEEP 0 %r8
    KEEP 11 %r8
    SQUARE 0 %r8 %r9
    SQUARE 1 %r10 %r11
    SQUARE 2 %r12 %r13
    SQUARE_AND_KEEP 3
    SQUARE_AND_KEEP 4
    SQUARE_AND_KEEP 5

    REDUCE %r8 %r9 %r10 %r11 %r12 %r13
    REDUCE %r9 %r10 %r11 %r12 %r13 %r8
    REDUCE %r10 %r11 %r12 %r13 %r8 %r9
    REDUCE %r11 %r12 %r13 %r8 %r9 %r10
    REDUCE %r12 %r13 %r8 %r9 %r10 %r11
    REDUCE %r13 %r8 %r9 %r10 %r11 %r12
    leaq WIDE+48(%rsp), %rsi
    COMBINE addq adcq %rsi
    movl $0, %r14d
    adcq $0, %r14
    BRING_BELOW_P %r8 %r9 %r10 %r11 %r12 %r13 %r14 %r15
    STORE %r8 %r9 %r10 %r11 %r12 %r13
    RESTORE %r15
    RESTORE %r14
    RESTORE %r13
    RESTORE %r12
    RESTORE %rbx
END_FUNCTION p384_x86_square

#endif
