// Package source reads packages of labs from where they lie and writes them there: a folder, one .lab file, static files on a web server, an OCI registry.
//
// A package is an OCI image layout (github.com/opencontainers/image-spec, image-layout.md): the file oci-layout, the file index.json, which names manifests
// by tag (annotation org.opencontainers.image.ref.name), and blobs/sha256/DIGEST. A .lab file is an uncompressed tar of such a folder, with nothing else in it.
// A registry is spoken to by the OCI distribution specification 1.1.
//
// A place is not trusted. What a package says of its blobs is checked in size, names that lead elsewhere are not followed, and nothing is unpacked; yet a digest
// of a blob is checked by the caller, who reads it in parts, and who wrote the lab is told by the signature inside, which is no matter of this package.
package source
