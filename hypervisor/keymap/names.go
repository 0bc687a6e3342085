package keymap

// names are the X11 keysyms that stand for a character, with its code point (X11/keysymdef.h of X.Org), as far as layouts use them. Letters and
// digits are their own names.
const names = `
AE=00c6 Aacute=00c1 Acircumflex=00c2 Adiaeresis=00c4 Agrave=00c0 Amacron=0100 Aogonek=0104 Arabic_0=0660 Arabic_1=0661 Arabic_2=0662
Arabic_3=0663 Arabic_4=0664 Arabic_5=0665 Arabic_6=0666 Arabic_7=0667 Arabic_8=0668 Arabic_9=0669 Arabic_ain=0639 Arabic_alef=0627
Arabic_alefmaksura=0649 Arabic_beh=0628 Arabic_comma=060c Arabic_dad=0636 Arabic_dal=062f Arabic_damma=064f Arabic_dammatan=064c
Arabic_fatha=064e Arabic_fathatan=064b Arabic_feh=0641 Arabic_gaf=06af Arabic_ghain=063a Arabic_ha=0647 Arabic_hah=062d
Arabic_hamza=0621 Arabic_hamzaonalef=0623 Arabic_hamzaonwaw=0624 Arabic_hamzaonyeh=0626 Arabic_hamzaunderalef=0625 Arabic_jeem=062c
Arabic_jeh=0698 Arabic_kaf=0643 Arabic_kasra=0650 Arabic_kasratan=064d Arabic_khah=062e Arabic_lam=0644 Arabic_maddaonalef=0622
Arabic_meem=0645 Arabic_noon=0646 Arabic_peh=067e Arabic_percent=066a Arabic_qaf=0642 Arabic_question_mark=061f Arabic_ra=0631
Arabic_sad=0635 Arabic_seen=0633 Arabic_semicolon=061b Arabic_shadda=0651 Arabic_sheen=0634 Arabic_sukun=0652
Arabic_superscript_alef=0670 Arabic_tah=0637 Arabic_tatweel=0640 Arabic_tcheh=0686 Arabic_teh=062a Arabic_tehmarbuta=0629
Arabic_thal=0630 Arabic_theh=062b Arabic_veh=06a4 Arabic_waw=0648 Arabic_yeh=064a Arabic_zah=0638 Arabic_zain=0632 Aring=00c5
Cacute=0106 Ccaron=010c Ccedilla=00c7 Cyrillic_A=0410 Cyrillic_BE=0411 Cyrillic_CHE=0427 Cyrillic_DE=0414 Cyrillic_DZHE=040f
Cyrillic_E=042d Cyrillic_EF=0424 Cyrillic_EL=041b Cyrillic_EM=041c Cyrillic_EN=041d Cyrillic_ER=0420 Cyrillic_ES=0421 Cyrillic_GHE=0413
Cyrillic_HA=0425 Cyrillic_HARDSIGN=042a Cyrillic_I=0418 Cyrillic_IE=0415 Cyrillic_IO=0401 Cyrillic_JE=0408 Cyrillic_KA=041a
Cyrillic_LJE=0409 Cyrillic_NJE=040a Cyrillic_O=041e Cyrillic_PE=041f Cyrillic_SHA=0428 Cyrillic_SHCHA=0429 Cyrillic_SHORTI=0419
Cyrillic_SOFTSIGN=042c Cyrillic_TE=0422 Cyrillic_TSE=0426 Cyrillic_U=0423 Cyrillic_VE=0412 Cyrillic_YA=042f Cyrillic_YERU=042b
Cyrillic_YU=042e Cyrillic_ZE=0417 Cyrillic_ZHE=0416 Cyrillic_a=0430 Cyrillic_be=0431 Cyrillic_che=0447 Cyrillic_de=0434
Cyrillic_dzhe=045f Cyrillic_e=044d Cyrillic_ef=0444 Cyrillic_el=043b Cyrillic_em=043c Cyrillic_en=043d Cyrillic_er=0440
Cyrillic_es=0441 Cyrillic_ghe=0433 Cyrillic_ha=0445 Cyrillic_hardsign=044a Cyrillic_i=0438 Cyrillic_ie=0435 Cyrillic_io=0451
Cyrillic_je=0458 Cyrillic_ka=043a Cyrillic_lje=0459 Cyrillic_nje=045a Cyrillic_o=043e Cyrillic_pe=043f Cyrillic_sha=0448
Cyrillic_shcha=0449 Cyrillic_shorti=0439 Cyrillic_softsign=044c Cyrillic_te=0442 Cyrillic_tse=0446 Cyrillic_u=0443 Cyrillic_ve=0432
Cyrillic_ya=044f Cyrillic_yeru=044b Cyrillic_yu=044e Cyrillic_ze=0437 Cyrillic_zhe=0436 Dstroke=0110 ENG=014a ETH=00d0 EZH=01b7
Eabovedot=0116 Eacute=00c9 Egrave=00c8 Emacron=0112 Eogonek=0118 EuroSign=20ac Gbreve=011e Gcedilla=0122 Greek_OMEGA=03a9 Greek_PI=03a0
Greek_mu=03bc Greek_pi=03c0 Hstroke=0126 Iabovedot=0130 Iacute=00cd Icircumflex=00ce Idiaeresis=00cf Igrave=00cc Imacron=012a
Iogonek=012e Kcedilla=0136 Lcedilla=013b Lstroke=0141 Macedonia_DSE=0405 Macedonia_GJE=0403 Macedonia_KJE=040c Macedonia_dse=0455
Macedonia_gje=0453 Macedonia_kje=045c Nacute=0143 Ncedilla=0145 Ntilde=00d1 OE=0152 Oacute=00d3 Ocircumflex=00d4 Odiaeresis=00d6
Odoubleacute=0150 Ograve=00d2 Omacron=014c Ooblique=00d8 Oslash=00d8 Rcedilla=0156 SCHWA=018f Sacute=015a Scaron=0160 Scedilla=015e
THORN=00de Thai_baht=0e3f Thai_bobaimai=0e1a Thai_chochan=0e08 Thai_chochang=0e0a Thai_choching=0e09 Thai_chochoe=0e0c
Thai_dochada=0e0e Thai_dodek=0e14 Thai_fofa=0e1d Thai_fofan=0e1f Thai_hohip=0e2b Thai_honokhuk=0e2e Thai_khokhai=0e02 Thai_khokhon=0e05
Thai_khokhuat=0e03 Thai_khokhwai=0e04 Thai_khorakhang=0e06 Thai_kokai=0e01 Thai_lakkhangyao=0e45 Thai_lekchet=0e57 Thai_lekha=0e55
Thai_lekhok=0e56 Thai_lekkao=0e59 Thai_leknung=0e51 Thai_lekpaet=0e58 Thai_leksam=0e53 Thai_leksi=0e54 Thai_leksong=0e52
Thai_leksun=0e50 Thai_lochula=0e2c Thai_loling=0e25 Thai_lu=0e26 Thai_maichattawa=0e4b Thai_maiek=0e48 Thai_maihanakat=0e31
Thai_maitaikhu=0e47 Thai_maitho=0e49 Thai_maitri=0e4a Thai_maiyamok=0e46 Thai_moma=0e21 Thai_ngongu=0e07 Thai_nikhahit=0e4d
Thai_nonen=0e13 Thai_nonu=0e19 Thai_oang=0e2d Thai_paiyannoi=0e2f Thai_phinthu=0e3a Thai_phophan=0e1e Thai_phophung=0e1c
Thai_phosamphao=0e20 Thai_popla=0e1b Thai_rorua=0e23 Thai_ru=0e24 Thai_saraa=0e30 Thai_saraaa=0e32 Thai_saraae=0e41
Thai_saraaimaimalai=0e44 Thai_saraaimaimuan=0e43 Thai_saraam=0e33 Thai_sarae=0e40 Thai_sarai=0e34 Thai_saraii=0e35 Thai_sarao=0e42
Thai_sarau=0e38 Thai_saraue=0e36 Thai_sarauee=0e37 Thai_sarauu=0e39 Thai_sorusi=0e29 Thai_sosala=0e28 Thai_soso=0e0b Thai_sosua=0e2a
Thai_thanthakhat=0e4c Thai_thonangmontho=0e11 Thai_thophuthao=0e12 Thai_thothahan=0e17 Thai_thothan=0e10 Thai_thothong=0e18
Thai_thothung=0e16 Thai_topatak=0e0f Thai_totao=0e15 Thai_wowaen=0e27 Thai_yoyak=0e22 Thai_yoying=0e0d Tslash=0166 Uacute=00da
Ucircumflex=00db Udiaeresis=00dc Udoubleacute=0170 Ugrave=00d9 Umacron=016a Uogonek=0172 Zabovedot=017b Zacute=0179 Zcaron=017d
aacute=00e1 abovedot=02d9 acircumflex=00e2 acute=00b4 adiaeresis=00e4 ae=00e6 agrave=00e0 amacron=0101 ampersand=0026 aogonek=0105
apostrophe=0027 approxeq=2248 aring=00e5 asciicircum=005e asciitilde=007e asterisk=002a at=0040 backslash=005c bar=007c braceleft=007b
braceright=007d bracketleft=005b bracketright=005d breve=02d8 brokenbar=00a6 cacute=0107 caron=02c7 ccaron=010d ccedilla=00e7
cedilla=00b8 cent=00a2 colon=003a comma=002c copyright=00a9 currency=00a4 degree=00b0 diaeresis=00a8 division=00f7 dollar=0024
doubleacute=02dd doublelowquotemark=201e downarrow=2193 dstroke=0111 eabovedot=0117 eacute=00e9 ecaron=011b egrave=00e8 ellipsis=2026
emacron=0113 emdash=2014 endash=2013 eng=014b eogonek=0119 equal=003d eth=00f0 exclam=0021 exclamdown=00a1 ezh=0292 fiveeighths=215d
gbreve=011f gcedilla=0123 grave=0060 greater=003e greaterthanequal=2265 guillemotleft=00ab guillemotright=00bb horizconnector=2500
hstroke=0127 hyphen=00ad iacute=00ed icircumflex=00ee idiaeresis=00ef idotless=0131 igrave=00ec imacron=012b infinity=221e iogonek=012f
kcedilla=0137 kra=0138 lcedilla=013c leftarrow=2190 leftdoublequotemark=201c leftsinglequotemark=2018 less=003c lessthanequal=2264
logicaland=2227 logicalor=2228 lstroke=0142 macron=00af masculine=00ba minus=002d mu=00b5 multiply=00d7 nacute=0144 ncedilla=0146
nobreakspace=00a0 notequal=2260 notsign=00ac ntilde=00f1 numbersign=0023 numerosign=2116 oacute=00f3 ocircumflex=00f4 odiaeresis=00f6
odoubleacute=0151 oe=0153 ogonek=02db ograve=00f2 omacron=014d oneeighth=215b onehalf=00bd onequarter=00bc onesuperior=00b9
ordfeminine=00aa oslash=00f8 paragraph=00b6 parenleft=0028 parenright=0029 percent=0025 period=002e periodcentered=00b7 permille=2030
plus=002b plusminus=00b1 question=003f questiondown=00bf quotedbl=0022 rcaron=0159 rcedilla=0157 registered=00ae rightarrow=2192
rightdoublequotemark=201d rightsinglequotemark=2019 sacute=015b scaron=0161 scedilla=015f schwa=0259 section=00a7 semicolon=003b
seveneighths=215e singlelowquotemark=201a slash=002f space=0020 ssharp=00df sterling=00a3 thorn=00fe threeeighths=215c
threequarters=00be threesuperior=00b3 trademark=2122 tslash=0167 twosuperior=00b2 uacute=00fa ucircumflex=00fb udiaeresis=00fc
udoubleacute=0171 ugrave=00f9 umacron=016b underscore=005f uogonek=0173 uparrow=2191 uring=016f yacute=00fd ydiaeresis=00ff yen=00a5
zabovedot=017c zacute=017a zcaron=017e
`
