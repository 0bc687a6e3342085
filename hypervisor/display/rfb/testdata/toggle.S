# A guest in one boot sector, for measuring how soon a change is seen: it sleeps until a key is pressed, and the key A turns 64x16 pixels of a
# screen of 640x480 in 32 bits the other way round. It prints "+" on the first serial line when it is ready.
# Build: as --32 -o toggle.o toggle.S && ld -m elf_i386 -Ttext 0x7c00 --oformat binary -o toggle.img toggle.o

	.code16
	.globl _start
_start:
	cli
	xor %ax, %ax
	mov %ax, %ds
	mov %ax, %ss
	mov $0x7c00, %sp
	sti
	mov $mode, %si		# the Bochs display: registers and values
1:	lodsw
	mov $0x1ce, %dx
	out %ax, %dx
	inc %dx
	lodsw
	out %ax, %dx
	cmp $end, %si
	jb 1b
	mov $0x3f8, %dx
	mov $'+', %al
	out %al, %dx
	mov $'\n', %al
	out %al, %dx
	push $0xa000
	pop %es
wait:
	xor %ah, %ah		# the BIOS sleeps until a key comes
	int $0x16
	cmp $0x1e, %ah
	jne wait
	xor %di, %di
	mov $16, %dx
row:	mov $64, %cx
1:	xorl $0xffffff, %es:(%di)
	add $4, %di
	loop 1b
	add $4*(640-64), %di
	dec %dx
	jnz row
	jmp wait

mode:	.word 4, 0, 1, 640, 2, 480, 3, 32, 4, 0x41, 5, 0
end:

	.org 510
	.word 0xaa55
