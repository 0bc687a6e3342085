# A guest in one boot sector, for tests of the display client. It
#  - shows a picture of 640x480 pixels in 32 bits: pixel number i is (i * 2654435761) >> 8;
#  - prints every byte of the keyboard as "kXX" and of the mouse as "mXX" on the first serial line;
#  - obeys bytes from the serial line: r = 800x600 and the same rule, t = turn the first 64 pixels of row 0 the other way round (xor
#    0xffffff), l = all three keyboard lamps on, e = turn the PS/2 mouse on.
# No BIOS call, no interrupt: ports only.
# Build: as --32 -o guest.o guest.S && ld -m elf_i386 -Ttext 0x7c00 --oformat binary -o guest.img guest.o

	.code16
	.globl _start
_start:
	cli
	xor %ax, %ax
	mov %ax, %ds
	mov %ax, %ss
	mov $0x7c00, %sp
	mov $640, %bx
	mov $480, %cx
	call mode
	mov $'+', %al		# "+": the picture is complete
	call print
	call newline

main:
	in $0x64, %al
	test $1, %al
	jz serial
	mov $'k', %bl
	test $0x20, %al		# from the mouse
	jz 1f
	mov $'m', %bl
1:	in $0x60, %al
	mov %al, %bh
	mov %bl, %al
	call print
	mov %bh, %al
	shr $4, %al
	call digit
	mov %bh, %al
	call digit
	call newline
serial:
	mov $0x3fd, %dx
	in %dx, %al
	test $1, %al
	jz main
	mov $0x3f8, %dx
	in %dx, %al
	cmp $'r', %al
	jne 1f
	mov $800, %bx
	mov $600, %cx
	call mode
	jmp done
1:	cmp $'t', %al
	jne 2f
	mov $5, %ax		# bank 0
	xor %bx, %bx
	call dispi
	push $0xa000
	pop %es
	xor %di, %di
	mov $64, %cx
3:	xorl $0xffffff, %es:(%di)
	add $4, %di
	loop 3b
	jmp done
2:	cmp $'l', %al
	jne 4f
	mov $0xed, %al
	call keyboard
	mov $7, %al
	call keyboard
	jmp done
4:	cmp $'e', %al
	jne main
	mov $0xa8, %al
	out %al, $0x64
	mov $0xd4, %al
	out %al, $0x64
	mov $0xf4, %al
	call keyboard
done:
	mov $'+', %al
	call print
	call newline
	jmp main

keyboard:			# send al to port 0x60
	mov %al, %ah
1:	in $0x64, %al
	test $2, %al
	jnz 1b
	mov %ah, %al
	out %al, $0x60
	ret

dispi:				# Bochs display register ax = bx
	mov $0x1ce, %dx
	out %ax, %dx
	inc %dx
	mov %bx, %ax
	out %ax, %dx
	ret

mode:				# bx x cx pixels, and draw
	mov %bx, %si
	mov %cx, %bp
	mov $4, %ax
	push %bx
	xor %bx, %bx		# off
	call dispi
	pop %bx
	mov $1, %ax
	call dispi
	mov $2, %ax
	mov %bp, %bx
	call dispi
	mov $3, %ax
	mov $32, %bx
	call dispi
	mov $4, %ax
	mov $0x41, %bx		# on, linear
	call dispi
	push $0xa000
	pop %es
	movzwl %si, %eax
	movzwl %bp, %ecx
	imul %ecx, %eax
	mov %eax, %ebp		# pixels
	xor %ecx, %ecx		# i
1:	mov %ecx, %edi
	shl $2, %edi
	test %di, %di
	jnz 2f
	mov %ecx, %ebx		# next bank of 64 KiB
	shr $14, %ebx
	mov $5, %ax
	call dispi
2:	imul $2654435761, %ecx, %eax
	shr $8, %eax
	mov %eax, %es:(%di)
	inc %ecx
	cmp %ebp, %ecx
	jb 1b
	ret

digit:				# the low half of al as a hexadecimal digit
	and $15, %al
	cmp $10, %al
	jb 1f
	add $'a' - '0' - 10, %al
1:	add $'0', %al
	jmp print
newline:
	mov $'\n', %al
print:
	mov %al, %ah
	mov $0x3fd, %dx
1:	in %dx, %al
	test $0x20, %al
	jz 1b
	mov $0x3f8, %dx
	mov %ah, %al
	out %al, %dx
	ret

	.org 510
	.word 0xaa55
