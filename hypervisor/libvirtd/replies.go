package libvirtd

// Numbers of libvirt's RPC (rpc/virnetprotocol.x, remote/remote_protocol.x).
const (
	programRemote    = 0x20008086
	programKeepalive = 0x6b656570
	protocolVersion  = 1

	typeCall         = 0
	typeReply        = 1
	typeMessage      = 2
	typeStream       = 3
	typeCallWithFDs  = 4
	typeReplyWithFDs = 5

	statusOK       = 0
	statusError    = 1
	statusContinue = 2

	procOpenConsole    = 201
	procScreenshot     = 211
	procOpenGraphics   = 249
	procRegisterEvent  = 316
	procOpenGraphicsFD = 343
)

// opensStream reports whether data follows the reply to a procedure.
func opensStream(proc uint32) bool { return proc == procScreenshot || proc == procOpenConsole }

// replyLayouts has the layout (xdrReader.check) of the reply to every procedure that this package calls. A reply to
// any other procedure is refused, so a new call needs its line here.
var replyLayouts = map[uint32]string{
	1:                  "",                                        // ConnectOpen
	2:                  "",                                        // ConnectClose
	3:                  "s",                                       // ConnectGetType
	4:                  "h",                                       // ConnectGetVersion
	5:                  "i",                                       // ConnectGetMaxVcpus
	6:                  "iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiihiiiiii", // NodeGetInfo: 32 chars, each in four bytes
	7:                  "s",                                       // ConnectGetCapabilities
	14:                 "s",                                       // DomainGetXMLDesc
	23:                 "D",                                       // DomainLookupByName
	24:                 "D",                                       // DomainLookupByUUID
	28:                 "",                                        // DomainResume
	34:                 "",                                        // DomainSuspend
	66:                 "[i]",                                     // AuthList
	70:                 "i",                                       // AuthPolkit
	150:                "i",                                       // DomainIsActive
	151:                "i",                                       // DomainIsPersistent
	157:                "h",                                       // ConnectGetLibVersion
	164:                "",                                        // DomainAbortJob
	174:                "",                                        // DomainUpdateDeviceFlags
	182:                "",                                        // DomainManagedSave
	183:                "i",                                       // DomainHasManagedSaveImage
	184:                "",                                        // DomainManagedSaveRemove
	185:                "N",                                       // DomainSnapshotCreateXML
	186:                "s",                                       // DomainSnapshotGetXMLDesc
	191:                "N",                                       // DomainSnapshotCurrent
	192:                "",                                        // DomainRevertToSnapshot
	193:                "",                                        // DomainSnapshotDelete
	196:                "D",                                       // DomainCreateWithFlags
	procOpenConsole:    "",
	procScreenshot:     "?s",
	212:                "ii", // DomainGetState
	231:                "",   // DomainUndefineFlags
	232:                "",   // DomainSaveFlags
	233:                "",   // DomainRestoreFlags
	234:                "",   // DomainDestroyFlags
	235:                "s",  // DomainSaveImageGetXMLDesc
	245:                "",   // DomainReset
	procOpenGraphics:   "",
	258:                "",     // DomainShutdownFlags
	273:                "[D]i", // ConnectListAllDomains
	274:                "[N]i", // DomainListAllSnapshots
	226:                "",     // DomainSendKey
	298:                "i[P]", // DomainGetJobStats
	procRegisterEvent:  "i",
	procOpenGraphicsFD: "",
	344:                "[R]", // ConnectGetAllDomainStats
	350:                "D",   // DomainDefineXMLFlags
	358:                "i",   // DomainRename
}
