/* With p = 2^384 - N, N = 2^128 + 2^96 - 2^32 + 1: to subtract p is to add N and drop
 * 2^384. -1/p modulo 2^64 is 2^32 + 1. */
#include "proxy/crypto/p384_field_private.h"

#ifdef __x86_64__

#include <cpuid.h>

bool p384_x86_can(void)
{
    unsigned eax, ebx, ecx, edx;

    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 &&
        (ebx & bit_BMI2) != 0 && (ebx & bit_ADX) != 0;
}

/* It would join what belongs on lines of its own. */
/* clang-format off */

/* All but the stack's; operands take three or four of the others. */
#define REGISTERS "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"

#define MOVE(limb, from, to) "movq 8*" #limb "(%[" #from "]), %%" #to "\n\t"
#define KEEP(limb, s, to) "movq %%" #s ", 8*" #limb "(%[" #to "])\n\t"
#define CLEAR(s) "xorl %%" #s "d, %%" #s "d\n\t" /* and both carries */

#define LOAD(from)                                                                       \
    MOVE(0, from, r8)                                                                    \
    MOVE(1, from, r9)                                                                    \
    MOVE(2, from, r10)                                                                   \
    MOVE(3, from, r11)                                                                   \
    MOVE(4, from, r12)                                                                   \
    MOVE(5, from, r13)

#define STORE(s0, s1, s2, s3, s4, s5)                                                    \
    KEEP(0, s0, out)                                                                     \
    KEEP(1, s1, out)                                                                     \
    KEEP(2, s2, out)                                                                     \
    KEEP(3, s3, out)                                                                     \
    KEEP(4, s4, out)                                                                     \
    KEEP(5, s5, out)

/* `first` is addq or subq, `next` adcq or sbbq. */
#define COMBINE(first, next, limbs, with)                                                \
    first " 0+" limbs "(%[" #with "]), %%r8\n\t"                                         \
    next " 8+" limbs "(%[" #with "]), %%r9\n\t"                                          \
    next " 16+" limbs "(%[" #with "]), %%r10\n\t"                                        \
    next " 24+" limbs "(%[" #with "]), %%r11\n\t"                                        \
    next " 32+" limbs "(%[" #with "]), %%r12\n\t"                                        \
    next " 40+" limbs "(%[" #with "]), %%r13\n\t"

#define ADD_TO_COPY(s0, s1, s2, s3, s4, s5, c3, c4, c5)                                  \
    "addq %%" #s0 ", %%rax\n\t"                                                          \
    "adcq %%" #s1 ", %%rcx\n\t"                                                          \
    "adcq %%" #s2 ", %%rdx\n\t"                                                          \
    "adcq %%" #s3 ", %%" #c3 "\n\t"                                                      \
    "adcq %%" #s4 ", %[" #c4 "]\n\t"                                                     \
    "adcq %%" #s5 ", %[" #c5 "]\n\t"

#define TAKE_COPY_IF_NOT_ZERO(s0, s1, s2, s3, s4, s5, c3, c4, c5)                        \
    "cmovnzq %%rax, %%" #s0 "\n\t"                                                       \
    "cmovnzq %%rcx, %%" #s1 "\n\t"                                                       \
    "cmovnzq %%rdx, %%" #s2 "\n\t"                                                       \
    "cmovnzq %%" #c3 ", %%" #s3 "\n\t"                                                   \
    "cmovnzq %[" #c4 "], %%" #s4 "\n\t"                                                  \
    "cmovnzq %[" #c5 "], %%" #s5 "\n\t"

/* Of a sum below 2p with what is above its six limbs in `above`: adds N to a copy, and
 * takes that if it reaches 2^384. Pointers that are used no more lend their registers. */
#define BRING_BELOW_P(s0, s1, s2, s3, s4, s5, above, c3, c4, c5)                         \
    "movabsq $0xffffffff00000001, %%rax\n\t"                                             \
    "movl $0xffffffff, %%ecx\n\t"                                                        \
    "movl $1, %%edx\n\t"                                                                 \
    "movl $0, %%" #c3 "d\n\t"                                                            \
    "movl $0, %k[" #c4 "]\n\t"                                                           \
    "movl $0, %k[" #c5 "]\n\t" ADD_TO_COPY(s0, s1, s2, s3, s4, s5, c3, c4, c5)           \
    "adcq $0, %%" #above "\n\t"                                                          \
        TAKE_COPY_IF_NOT_ZERO(s0, s1, s2, s3, s4, s5, c3, c4, c5)

void p384_x86_add(
    struct p384_number *out, const struct p384_number *a, const struct p384_number *b)
{
    __asm__ volatile(LOAD(a) COMBINE("addq", "adcq", "0", b)
        "movl $0, %%r14d\n\t"
        "adcq $0, %%r14\n\t" BRING_BELOW_P(r8, r9, r10, r11, r12, r13, r14, r15, a, b)
            STORE(r8, r9, r10, r11, r12, r13)
        : [a] "+r"(a), [b] "+r"(b)
        : [out] "r"(out)
        : REGISTERS, "cc", "memory");
}

/* Where it borrows, p is added: N taken off, and 2^384 makes good what was borrowed. */
#define SUBTRACT_N_IF(mask)                                                              \
    "movabsq $0xffffffff00000001, %%rcx\n\t"                                             \
    "movl $0xffffffff, %%edx\n\t"                                                        \
    "andq %%" #mask ", %%rcx\n\t"                                                        \
    "andq %%" #mask ", %%rdx\n\t"                                                        \
    "andl $1, %%" #mask "d\n\t"                                                          \
    "subq %%rcx, %%r8\n\t"                                                               \
    "sbbq %%rdx, %%r9\n\t"                                                               \
    "sbbq %%" #mask ", %%r10\n\t"                                                        \
    "sbbq $0, %%r11\n\t"                                                                 \
    "sbbq $0, %%r12\n\t"                                                                 \
    "sbbq $0, %%r13\n\t"

void p384_x86_subtract(
    struct p384_number *out, const struct p384_number *a, const struct p384_number *b)
{
    __asm__ volatile(LOAD(a) COMBINE("subq", "sbbq", "0", b)
        "sbbq %%r14, %%r14\n\t" SUBTRACT_N_IF(r14) STORE(r8, r9, r10, r11, r12, r13)
        : [a] "+r"(a), [b] "+r"(b)
        : [out] "r"(out)
        : REGISTERS, "cc", "memory");
}

/* An odd number has p added first: N off, and 2^384 in the bit that is shifted in. */
void p384_x86_halve(struct p384_number *out, const struct p384_number *a)
{
    __asm__ volatile(LOAD(a)
        "movq %%r8, %%r14\n\t"
        "andl $1, %%r14d\n\t"
        "negq %%r14\n\t" SUBTRACT_N_IF(r14)
        "sbbq $0, %%r14\n\t"
        "shrq $1, %%r14\n\t"
        "rcrq $1, %%r13\n\t"
        "rcrq $1, %%r12\n\t"
        "rcrq $1, %%r11\n\t"
        "rcrq $1, %%r10\n\t"
        "rcrq $1, %%r9\n\t"
        "rcrq $1, %%r8\n\t" STORE(r8, r9, r10, r11, r12, r13)
        :
        : [out] "r"(out), [a] "r"(a)
        : REGISTERS, "cc", "memory");
}

/* rdx times a limb of a. */
#define TIMES(limb, low, high) "mulxq 8*" #limb "(%[a]), %%" #low ", %%" #high "\n\t"

/* Adds it, in two chains of carries. */
#define PRODUCT(limb, low, high)                                                         \
    TIMES(limb, rax, rcx)                                                                \
    "adcxq %%rax, %%" #low "\n\t"                                                        \
    "adoxq %%rcx, %%" #high "\n\t"

/* The first row of a product has nothing to add to: one chain is enough. */
#define FIRST_PRODUCT(add, limb, low, high)                                              \
    TIMES(limb, rax, high)                                                               \
    add " %%rax, %%" #low "\n\t"

#define FIRST_ROW(s0, s1, s2, s3, s4, s5, s6, s7)                                        \
    MOVE(0, b, rdx)                                                                      \
    TIMES(0, s0, s1)                                                                     \
    FIRST_PRODUCT("addq", 1, s1, s2)                                                     \
    FIRST_PRODUCT("adcq", 2, s2, s3)                                                     \
    FIRST_PRODUCT("adcq", 3, s3, s4)                                                     \
    FIRST_PRODUCT("adcq", 4, s4, s5)                                                     \
    FIRST_PRODUCT("adcq", 5, s5, s6)                                                     \
    "adcq $0, %%" #s6 "\n\t" CLEAR(s7)

#define ROW(limb, s0, s1, s2, s3, s4, s5, s6, s7)                                        \
    MOVE(limb, b, rdx)                                                                   \
    CLEAR(s7)                                                                            \
    PRODUCT(0, s0, s1)                                                                   \
    PRODUCT(1, s1, s2)                                                                   \
    PRODUCT(2, s2, s3)                                                                   \
    PRODUCT(3, s3, s4)                                                                   \
    PRODUCT(4, s4, s5)                                                                   \
    PRODUCT(5, s5, s6)                                                                   \
    "movl $0, %%eax\n\t"                                                                 \
    "adcxq %%rax, %%" #s6 "\n\t"                                                         \
    "adoxq %%rax, %%" #s7 "\n\t"                                                         \
    "adcxq %%rax, %%" #s7 "\n\t"

/* One step of Montgomery's reduction: t + mp, where m = t0 * (2^32 + 1) makes t0 vanish.
 * mp = m * 2^384 - mN, and of mN what is above t0 comes to rax, rcx and rdx (whether t0 +
 * t0 * 2^32 carries is whether m - m * 2^32 borrows). t0 becomes the limb above t5. */
#define REDUCE(t0, t1, t2, t3, t4, t5)                                                   \
    "movq %%" #t0 ", %%rax\n\t"                                                          \
    "shlq $32, %%rax\n\t"                                                                \
    "leaq (%%" #t0 ", %%rax), %%rcx\n\t"                                                 \
    "shrq $32, %%rcx\n\t"                                                                \
    "addq %%rax, %%" #t0 "\n\t"                                                          \
    "sbbq %%rcx, %%rax\n\t"                                                              \
    "sbbq $0, %%rcx\n\t"                                                                 \
    "addq %%" #t0 ", %%rcx\n\t"                                                          \
    "movl $0, %%edx\n\t"                                                                 \
    "adcq $0, %%rdx\n\t"                                                                 \
    "subq %%rax, %%" #t1 "\n\t"                                                          \
    "sbbq %%rcx, %%" #t2 "\n\t"                                                          \
    "sbbq %%rdx, %%" #t3 "\n\t"                                                          \
    "sbbq $0, %%" #t4 "\n\t"                                                             \
    "sbbq $0, %%" #t5 "\n\t"                                                             \
    "sbbq $0, %%" #t0 "\n\t"

/* The same with limbs above t5. */
#define REDUCE_ROW(s0, s1, s2, s3, s4, s5, s6, s7)                                       \
    REDUCE(s0, s1, s2, s3, s4, s5)                                                       \
    "addq %%" #s0 ", %%" #s6 "\n\t"                                                      \
    "adcq $0, %%" #s7 "\n\t"

void p384_x86_multiply(
    struct p384_number *out, const struct p384_number *a, const struct p384_number *b)
{
    __asm__ volatile(
        FIRST_ROW(r8, r9, r10, r11, r12, r13, r14, r15)
        REDUCE_ROW(r8, r9, r10, r11, r12, r13, r14, r15)
        ROW(1, r9, r10, r11, r12, r13, r14, r15, r8)
        REDUCE_ROW(r9, r10, r11, r12, r13, r14, r15, r8)
        ROW(2, r10, r11, r12, r13, r14, r15, r8, r9)
        REDUCE_ROW(r10, r11, r12, r13, r14, r15, r8, r9)
        ROW(3, r11, r12, r13, r14, r15, r8, r9, r10)
        REDUCE_ROW(r11, r12, r13, r14, r15, r8, r9, r10)
        ROW(4, r12, r13, r14, r15, r8, r9, r10, r11)
        REDUCE_ROW(r12, r13, r14, r15, r8, r9, r10, r11)
        ROW(5, r13, r14, r15, r8, r9, r10, r11, r12)
        REDUCE_ROW(r13, r14, r15, r8, r9, r10, r11, r12)
        BRING_BELOW_P(r14, r15, r8, r9, r10, r11, r12, r13, a, b)
        STORE(r14, r15, r8, r9, r10, r11)
        : [a] "+r"(a), [b] "+r"(b)
        : [out] "r"(out)
        : REGISTERS, "cc", "memory");
}

#define LAST_CARRY(s)                                                                    \
    "movl $0, %%eax\n\t"                                                                 \
    "adcxq %%rax, %%" #s "\n\t"

/* Doubles two limbs of the mixed products and adds the square of one of a. */
#define SQUARE(limb, even_limb, odd_limb, even, odd)                                     \
    MOVE(limb, a, rdx)                                                                   \
    "mulxq %%rdx, %%rdx, %%rcx\n\t"                                                      \
    MOVE(even_limb, wide, even)                                                          \
    "adcxq %%" #even ", %%" #even "\n\t"                                                 \
    "adoxq %%rdx, %%" #even "\n\t"                                                       \
    MOVE(odd_limb, wide, odd)                                                            \
    "adcxq %%" #odd ", %%" #odd "\n\t"                                                   \
    "adoxq %%rcx, %%" #odd "\n\t"

#define SQUARE_KEPT(limb, even_limb, odd_limb)                                           \
    SQUARE(limb, even_limb, odd_limb, r14, rax)                                          \
    KEEP(even_limb, r14, wide)                                                           \
    KEEP(odd_limb, rax, wide)

void p384_x86_square(struct p384_number *out, const struct p384_number *a)
{
    uint64_t product[2 * P384_LIMBS], *wide = product;

    __asm__ volatile(
        MOVE(0, a, rdx)
        TIMES(1, r8, r9)
        FIRST_PRODUCT("addq", 2, r9, r10)
        FIRST_PRODUCT("adcq", 3, r10, r11)
        FIRST_PRODUCT("adcq", 4, r11, r12)
        FIRST_PRODUCT("adcq", 5, r12, r13)
        "adcq $0, %%r13\n\t"
        KEEP(1, r8, wide) KEEP(2, r9, wide)
        MOVE(1, a, rdx) CLEAR(r14)
        PRODUCT(2, r10, r11) PRODUCT(3, r11, r12) PRODUCT(4, r12, r13)
        PRODUCT(5, r13, r14) LAST_CARRY(r14) KEEP(3, r10, wide) KEEP(4, r11, wide)
        MOVE(2, a, rdx) CLEAR(r8)
        PRODUCT(3, r12, r13) PRODUCT(4, r13, r14) PRODUCT(5, r14, r8) LAST_CARRY(r8)
        KEEP(5, r12, wide) KEEP(6, r13, wide)
        MOVE(3, a, rdx) CLEAR(r9)
        PRODUCT(4, r14, r8) PRODUCT(5, r8, r9) LAST_CARRY(r9)
        KEEP(7, r14, wide) KEEP(8, r8, wide)
        MOVE(4, a, rdx) CLEAR(r10)
        PRODUCT(5, r9, r10) LAST_CARRY(r10) KEEP(9, r9, wide) KEEP(10, r10, wide)
        CLEAR(r8) KEEP(0, r8, wide) KEEP(11, r8, wide)
        SQUARE(0, 0, 1, r8, r9) SQUARE(1, 2, 3, r10, r11) SQUARE(2, 4, 5, r12, r13)
        SQUARE_KEPT(3, 6, 7) SQUARE_KEPT(4, 8, 9) SQUARE_KEPT(5, 10, 11)
        REDUCE(r8, r9, r10, r11, r12, r13)
        REDUCE(r9, r10, r11, r12, r13, r8)
        REDUCE(r10, r11, r12, r13, r8, r9)
        REDUCE(r11, r12, r13, r8, r9, r10)
        REDUCE(r12, r13, r8, r9, r10, r11)
        REDUCE(r13, r8, r9, r10, r11, r12)
        COMBINE("addq", "adcq", "48", wide)
        "movl $0, %%r14d\n\t"
        "adcq $0, %%r14\n\t"
        BRING_BELOW_P(r8, r9, r10, r11, r12, r13, r14, r15, a, wide)
        STORE(r8, r9, r10, r11, r12, r13)
        : [a] "+r"(a), [wide] "+r"(wide)
        : [out] "r"(out)
        : REGISTERS, "cc", "memory");
}

/* clang-format on */

#endif
