package source

import "bytes"

// looksLikePage reports whether bytes are a web page: what networks with a login page, and servers that mean to be kind, send for everything.
func looksLikePage(data []byte) bool {
	data = bytes.TrimLeft(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), " \t\r\n")
	return bytes.HasPrefix(data, []byte("<"))
}

func webPage(place string) *failure {
	return fail(ErrNoPackage, place, "If this network has a login page, log in with the web browser first; else check the address.", "is a web page and no package")
}
