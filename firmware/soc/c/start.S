/* From reset to main, and around again: main's end is said on the serial line by the character EOT (4). */
    .section .text.start
    .globl _start
_start:
    la      sp, _stack_top
    la      t0, _bss_start
    la      t1, _bss_end
1:  bgeu    t0, t1, 2f
    sw      zero, 0(t0)
    addi    t0, t0, 4
    j       1b
2:  call    main
    lui     t0, 0x80000
    li      t1, 4
    sw      t1, 0(t0)
    j       2b
