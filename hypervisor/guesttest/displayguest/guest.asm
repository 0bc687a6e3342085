; A guest that is nothing but a screen: it boots from the first sectors of a disk in a second, sets a VBE mode of
; WIDTH x HEIGHT at 32 bits and then does what one-letter commands say. They come as keys of the keyboard or as bytes on
; the first serial port; when a command is done its letter goes out there, so that a test knows when a pixel was written.
;
;   a  give the block the other of its two colours
;   f  solid: the whole screen in another colour, 30 times a second
;   g  desktop: cells of colour with dots like text, all of them moving, 30 times a second
;   s  noise on the whole screen, 30 times a second
;   v  video: noise in a part of the screen, 30 times a second
;   d  stop: background and block, as after booting ("R" says that it has booted, "F" that it lacks the mode)
;
; nasm -f bin -DWIDTH=… -DHEIGHT=… -DBACKGROUND=… -DCOLOUR1=… -DCOLOUR2=… -DBLOCK_X=… -DBLOCK_Y=… -DBLOCK_SIZE=…

SECTORS		equ 8			; of stage2
PITCH		equ WIDTH*4
PIXELS		equ WIDTH*HEIGHT
SLACK		equ 0x10000		; pictures are longer than the screen: a moving one begins at another place each time
NOISE		equ 0x1000000		; where the prepared pictures lie
DESKTOP		equ 0x2000000
IDT		equ 0x10000
VIDEO_X		equ WIDTH/3
VIDEO_Y		equ HEIGHT/3
VIDEO_W		equ WIDTH/6
VIDEO_H		equ HEIGHT/6
COM1		equ 3F8h
PIT_DIVISOR	equ 39773		; 1193182 Hz / 30

bits 16
org 0x7c00
	cli
	xor	ax, ax
	mov	ds, ax
	mov	es, ax
	mov	ss, ax
	mov	sp, 0x7c00
	sti
	cld
	mov	ax, 0x0200 + SECTORS	; the BIOS left the boot disk's number in dl
	mov	cx, 2
	mov	dh, 0
	mov	bx, stage2
	int	13h
	jnc	stage2
	jmp	$

times 510-($-$$) db 0
	dw	0xaa55

stage2:
	mov	dx, COM1+1		; 115200 baud, 8N1, interrupt on received bytes
	xor	al, al
	out	dx, al
	mov	dx, COM1+3
	mov	al, 80h
	out	dx, al
	mov	dx, COM1
	mov	al, 1
	out	dx, al
	mov	dx, COM1+1
	xor	al, al
	out	dx, al
	mov	dx, COM1+3
	mov	al, 3
	out	dx, al
	mov	dx, COM1+4
	mov	al, 0Bh
	out	dx, al
	mov	dx, COM1+1
	mov	al, 1
	out	dx, al

	mov	di, 0x9000		; VBE controller information, then mode by mode
	mov	dword [di], 'VBE2'
	mov	ax, 4F00h
	int	10h
	mov	si, [0x900E]
	mov	ax, [0x9010]
	mov	fs, ax
.mode:	mov	cx, [fs:si]
	add	si, 2
	cmp	cx, 0FFFFh
	je	no_mode
	push	si
	push	cx
	mov	ax, 4F01h
	mov	di, 0x9400
	int	10h
	pop	cx
	pop	si
	cmp	word [0x9400+18], WIDTH
	jne	.mode
	cmp	word [0x9400+20], HEIGHT
	jne	.mode
	cmp	byte [0x9400+25], 32
	jne	.mode
	mov	bx, cx
	or	bx, 4000h		; linear framebuffer
	mov	ax, 4F02h
	int	10h
	mov	eax, [0x9400+40]
	mov	[screen], eax
	in	al, 92h			; address line 20
	or	al, 2
	out	92h, al
	cli
	lgdt	[gdt.size]
	mov	eax, cr0
	or	al, 1
	mov	cr0, eax
	jmp	08h:protected

no_mode:
	mov	dx, COM1
	mov	al, 'F'
	out	dx, al
	jmp	$

bits 32
protected:
	mov	ax, 10h
	mov	ds, ax
	mov	es, ax
	mov	ss, ax
	mov	esp, 0x7c00
	mov	eax, cr4
	or	eax, 200h		; SSE
	mov	cr4, eax
	call	interrupts
	call	prepare
	call	rest
	mov	al, 'R'
	call	say
main:
	sti
	hlt				; sti lets no interrupt in before hlt
	cli
.input:	in	al, 64h
	test	al, 1
	jz	.serial
	in	al, 60h
	mov	esi, keys
.key:	mov	cx, [esi]
	add	esi, 2
	test	cl, cl
	jz	.input
	cmp	cl, al
	jne	.key
	mov	al, ch
	call	command
	jmp	.input
.serial:
	mov	dx, COM1+5
	in	al, dx
	test	al, 1
	jz	.picture
	mov	dx, COM1
	in	al, dx
	call	command
	jmp	.input
.picture:
	mov	eax, [ticks]
	cmp	eax, [drawn]
	je	main
	mov	[drawn], eax
	call	draw
	jmp	main

; command does what the letter in al says.
command:
	push	eax
	cmp	al, 'a'
	je	.block
	cmp	al, 'd'
	je	.stop
	cmp	al, 'f'
	je	.move
	cmp	al, 'g'
	je	.move
	cmp	al, 's'
	je	.move
	cmp	al, 'v'
	je	.move
	pop	eax
	ret
.block:	mov	eax, [colour]
	xchg	eax, [other]
	mov	[colour], eax
	call	block
	jmp	.done
.stop:	mov	byte [mode], 0
	call	rest
	jmp	.done
.move:	mov	[mode], al
.done:	pop	eax
	; falls through

; say sends the letter in al.
say:
	push	eax
	mov	dx, COM1+5
.wait:	in	al, dx
	test	al, 20h
	jz	.wait
	pop	eax
	mov	dx, COM1
	out	dx, al
	ret

; draw draws the next picture of the mode.
draw:
	inc	dword [frame]
	mov	al, [mode]
	cmp	al, 'f'
	je	.solid
	cmp	al, 'g'
	je	.desktop
	cmp	al, 's'
	je	.noise
	cmp	al, 'v'
	je	.video
	ret
.solid:	imul	eax, [frame], 0x00030105
	and	eax, 0x00FFFFFF
	jmp	fill
.desktop:
	mov	esi, [frame]		; one cell further each time
	and	esi, 63
	shl	esi, 6
	add	esi, DESKTOP
	jmp	copy
.noise:	call	somewhere
	jmp	copy
.video:	call	somewhere
	mov	edi, [screen]
	add	edi, VIDEO_Y*PITCH + VIDEO_X*4
	mov	edx, VIDEO_H
.line:	mov	ecx, VIDEO_W
	rep	movsd
	add	edi, PITCH - VIDEO_W*4
	dec	edx
	jnz	.line
	ret

; somewhere points esi into the noise.
somewhere:
	imul	esi, [frame], 4112
	and	esi, SLACK-16
	add	esi, NOISE
	ret

; rest draws background and block.
rest:
	mov	eax, BACKGROUND
	call	fill
	; falls through
block:
	mov	eax, [colour]
	mov	edi, [screen]
	add	edi, BLOCK_Y*PITCH + BLOCK_X*4
	mov	edx, BLOCK_SIZE
.line:	mov	ecx, BLOCK_SIZE
	rep	stosd
	add	edi, PITCH - BLOCK_SIZE*4
	dec	edx
	jnz	.line
	ret

; fill fills the screen with the colour in eax. 64 bytes at a time: the emulator is quicker so.
fill:
	movd	xmm0, eax
	pshufd	xmm0, xmm0, 0
	mov	edi, [screen]
	mov	ecx, PIXELS/16
.next:	movdqa	[edi], xmm0
	movdqa	[edi+16], xmm0
	movdqa	[edi+32], xmm0
	movdqa	[edi+48], xmm0
	add	edi, 64
	dec	ecx
	jnz	.next
	ret

; copy copies a picture from esi to the screen.
copy:
	mov	edi, [screen]
	mov	ecx, PIXELS/16
.next:	movdqu	xmm0, [esi]
	movdqu	xmm1, [esi+16]
	movdqu	xmm2, [esi+32]
	movdqu	xmm3, [esi+48]
	movdqa	[edi], xmm0
	movdqa	[edi+16], xmm1
	movdqa	[edi+32], xmm2
	movdqa	[edi+48], xmm3
	add	esi, 64
	add	edi, 64
	dec	ecx
	jnz	.next
	ret

; prepare draws noise and desktop into memory.
prepare:
	mov	edi, NOISE
	mov	ecx, PIXELS + SLACK/4
	mov	eax, 0x12345678
.noise:	mov	edx, eax		; xorshift
	shl	edx, 13
	xor	eax, edx
	mov	edx, eax
	shr	edx, 17
	xor	eax, edx
	mov	edx, eax
	shl	edx, 5
	xor	eax, edx
	stosd
	dec	ecx
	jnz	.noise
	mov	edi, DESKTOP
	xor	edx, edx		; line
.line:	xor	ecx, ecx		; column
.pixel:	mov	eax, ecx
	shr	eax, 4
	mov	ebx, edx
	shr	ebx, 4
	imul	ebx, 7
	add	eax, ebx
	and	eax, 63
	imul	eax, 0x00030507
	mov	ebx, ecx
	xor	ebx, edx
	and	ebx, 5
	cmp	ebx, 5
	jne	.plain
	xor	eax, eax
.plain:	stosd
	inc	ecx
	cmp	ecx, WIDTH
	jne	.pixel
	inc	edx
	cmp	edx, HEIGHT + SLACK/PITCH + 1
	jne	.line
	ret

; interrupts lets the timer count and the others only wake main.
interrupts:
	mov	edi, IDT
	xor	ecx, ecx
.gate:	mov	eax, other_interrupt
	cmp	ecx, 32
	jne	.not_timer
	mov	eax, timer
.not_timer:
	mov	[edi], ax
	mov	word [edi+2], 08h
	mov	word [edi+4], 8E00h
	shr	eax, 16
	mov	[edi+6], ax
	add	edi, 8
	inc	ecx
	cmp	ecx, 256
	jne	.gate
	lidt	[idt_size]
	mov	al, 11h			; both interrupt controllers to vectors 32 to 47
	out	20h, al
	out	0A0h, al
	mov	al, 20h
	out	21h, al
	mov	al, 28h
	out	0A1h, al
	mov	al, 4
	out	21h, al
	mov	al, 2
	out	0A1h, al
	mov	al, 1
	out	21h, al
	out	0A1h, al
	mov	al, 0ECh		; timer, keyboard, first serial port
	out	21h, al
	mov	al, 0FFh
	out	0A1h, al
	mov	al, 34h
	out	43h, al
	mov	ax, PIT_DIVISOR
	out	40h, al
	mov	al, ah
	out	40h, al
	ret

timer:
	inc	dword [ticks]
other_interrupt:
	push	eax
	mov	al, 20h
	out	20h, al
	pop	eax
	iret

align 8
gdt:	dq	0
	dq	0x00CF9A000000FFFF
	dq	0x00CF92000000FFFF
.size:	dw	23
	dd	gdt
idt_size:
	dw	2047
	dd	IDT

; Scan codes of set 1 and their commands.
keys:	db	1Eh,'a', 20h,'d', 21h,'f', 22h,'g', 1Fh,'s', 2Fh,'v', 0,0

screen:	dd	0
colour:	dd	COLOUR1
other:	dd	COLOUR2
ticks:	dd	0
drawn:	dd	0
frame:	dd	0
mode:	db	0

times 512*(1+SECTORS)-($-$$) db 0
