package source

// Limits of what is believed of a place, in bytes and numbers. Real packages are far below them.
const (
	// MaxManifest is the most bytes that a manifest may have, as the format of labs says.
	MaxManifest = 4 << 20
	// MaxIndex is the most bytes that an index.json may have: the manifests of some thousand versions.
	MaxIndex = 4 << 20
	// MaxBlob is the most bytes that a blob may have. A pack has at most 64 MiB, the index of a disk of 16 TiB 512 MiB.
	MaxBlob = 1 << 30
)
