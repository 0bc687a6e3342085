// Package lab is the format of a lab: a whole virtual machine that a teacher's program makes and students' programs fetch, handled like a
// container image. It is pure data, without files or network; whatever it reads is taken to be hostile until it has been checked.
// This comment describes the format so that it can be written and read without this program.
//
// # What names what
//
// A lab is its config, a JSON text (Config). The SHA-256 of the config's bytes is the lab's ID, as with Docker's images. The config names
// everything else by SHA-256: an index for each disk, one for the firmware's variables, a picture. The teacher's signature is over the
// bytes of the config and so covers all of it. It is a detached minisign signature, prehashed (algorithm "ED"), with the key that the config
// names; this accepts it as well:
//
//	minisign -Vm config.json -x config.json.minisig -P KEY
//
// Everything about the config that is a rule (what fields there are, their limits) is in the comments of its types and in Config.Validate.
//
// # Disks
//
// The content of a disk is what the guest sees, from its first byte to its last, cut in chunks of 1 MiB (ChunkSize); the last one may be
// shorter. An index is binary, all numbers little-endian:
//
//	8 bytes   "GHLABIDX"
//	4 bytes   version, 1
//	4 bytes   chunk size, 1048576
//	8 bytes   size of the disk in bytes
//	32 bytes  for each chunk: the SHA-256 of its bytes, or 32 zero bytes for a chunk of nothing but zeros
//
// Nothing follows. A chunk of zeros is always written in the second way, so that each content has exactly one index.
//
// # Packs
//
// Chunks travel in packs of at most 64 MiB and 8192 chunks, so that every file of a package fits on FAT32 and no request is for a tiny one.
// A pack is binary, all numbers little-endian:
//
//	8 bytes   "GHLABPAK"
//	4 bytes   version, 1
//	4 bytes   number of entries
//	40 bytes  for each entry: the SHA-256 of the chunk, 4 bytes stored length, 4 bytes raw length
//
// Then the stored chunks follow, one after another, in the order of the entries and with nothing between them or after them. A stored chunk
// that is as long as the raw one is the raw one; a shorter one is exactly one zstd frame (RFC 8878) with its content size in the header,
// without a dictionary, with a window of at most 8 MiB. No chunk is twice in a pack, no chunk of zeros is in any.
//
// Packs are only a means of transport: neither the config nor the signature names them, and somebody who holds a verified disk can pack it
// again in another way. This writer's packs depend only on the chunks and on what is in earlier packs that are used again, so that a
// broken upload can go on where it stopped.
//
// # Packages
//
// A package is an OCI image manifest (version 1.1 of the image specification) with its blobs, in a registry or in an OCI image layout: a folder, the
// same folder as a tar archive, or either on a web server. The manifest is of the type "application/vnd.guesthouse.lab.v1" (ArtifactType), its config is the
// lab's config, and its layers are the signature, the indexes, the packs and the picture, told apart by their media types. Nothing in the
// manifest has to be believed: each blob is checked against the config, each chunk against an index.
//
// # Submissions
//
// What a student hands in is a package as well, of the type "application/vnd.guesthouse.submission.v1" (SubmissionType). Its config is a JSON text (Submission) that names the lab by its
// ID and, for each disk that was changed, a list of changes by its SHA-256. It is signed as a lab is, by the student's own key, which it names. The SHA-256 of its bytes is the
// receipt; each submission but the first names the receipt of the one before. One from a machine of a topology names its role there. Its layers are the signature, the lists of changes, and packs with the changed chunks that are not
// zeros. Whoever opens it needs the lab itself. A list of changes is binary, all numbers little-endian:
//
//	8 bytes   "GHLABCHG"
//	4 bytes   version, 1
//	4 bytes   number of entries, at least 1
//	36 bytes  for each entry: 4 bytes number of the chunk in the disk, from 0; the SHA-256 of its bytes, or 32 zero bytes for a chunk of nothing but zeros
//
// Nothing follows. The numbers rise from entry to entry. The firmware's variables are listed like a disk; where the lab has none of its own, they are listed in full.
//
// # Topologies
//
// A lab of several machines is a YAML file (Topology) that names a lab for each of its machines, the private networks that join them, and which of them start first. It is no package and has no
// signature: each of its labs has its own. A path in it leads into the folder of the file, on a web server as on a disk. A private network is one segment of Ethernet without addresses, routes or
// services: the guests bring their own. A machine's adapters in it come after the lab's own, in the order of the list, and their Ethernet addresses begin with 52:54:00 and end with the first
// three bytes of the SHA-256 of the topology's name, the machine's and the network's, with zero bytes between them, so that a guest's configuration can name them.
package lab
