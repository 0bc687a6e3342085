package source

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
)

const (
	maxTagPages   = 20
	maxTags       = 10000
	maxTagsLooked = 16 // of a repository without a chosen tag: each costs a request
)

// repository is a repository of an OCI registry.
type repository struct {
	web    *web
	place  string
	kind   string // artifact type
	remote *remote.Repository
	scheme string
}

// repositorySource is one package of a repository.
type repositorySource struct {
	*repository
	manifest []byte
}

func newRepository(ref Ref, o Options) (*repository, error) {
	r, err := remote.NewRepository(ref.Location)
	if err != nil {
		return nil, refuseRef(ref.String(), "is no reference to a registry")
	}
	repo := &repository{place: shownPath(ref.String()), kind: o.kind(), remote: r, scheme: "https"}
	host := (&url.URL{Host: r.Reference.Host()}).Hostname()
	if o.PlainHTTP || isLoopback(host) {
		repo.scheme = "http"
	}
	r.PlainHTTP = repo.scheme == "http"
	r.TagListMaxPages = maxTagPages
	repo.web = newWeb(repo.place, o)
	client := &auth.Client{Client: repo.web.http, Cache: auth.NewCache(), ClientID: userAgent, Credential: credential(r.Reference, o)}
	client.Header = http.Header{"User-Agent": {userAgent}}
	repo.web.do = client.Do
	r.Client = client
	return repo, nil
}

// credential says which name and password a registry gets: those of the options, or what the user's Docker configuration has for it. Without one, as
// for most labs, nothing is sent.
func credential(ref registry.Reference, o Options) auth.CredentialFunc {
	if o.User != "" {
		return auth.StaticCredential(ref.Registry, auth.Credential{Username: o.User, Password: o.Password})
	}
	store, err := credentials.NewStoreFromDocker(credentials.StoreOptions{})
	if err != nil { // no home folder, or a configuration that cannot be read: most labs need none
		return nil
	}
	get := credentials.Credential(store)
	return func(ctx context.Context, hostport string) (auth.Credential, error) {
		login, err := get(ctx, hostport)
		if err != nil { // a helper that is configured and not installed is common, and most labs need no login; the registry says if this one does
			return auth.EmptyCredential, nil
		}
		return login, nil
	}
}

// openRegistry opens the package of a repository that the reference means.
func openRegistry(ctx context.Context, ref Ref, o Options) (Source, error) {
	r, err := newRepository(ref, o)
	if err != nil {
		return nil, err
	}
	manifest, err := r.resolve(ctx, ref)
	if err == nil {
		_, err = readOutline(r.place, r.kind, manifest)
	}
	if err != nil {
		_ = r.web.close()
		return nil, err
	}
	return &repositorySource{repository: r, manifest: manifest}, nil
}

// Manifest implements Source.
func (s *repositorySource) Manifest(context.Context) ([]byte, error) {
	return slices.Clone(s.manifest), nil
}

// Name implements Source and Target.
func (r *repository) Name() string { return r.place }

// Close implements Source and Target.
func (r *repository) Close() error { return r.web.close() }

// Open implements Source and Target.
func (r *repository) Open(ctx context.Context, blob ocispec.Descriptor, offset, length int64) (io.ReadCloser, error) {
	s, err := blobSpan(r.place, blob, offset, length)
	if err != nil {
		return nil, err
	}
	return r.web.fetch(r.scope(ctx), r.address("blobs", blob.Digest.String()), s, nil, false)
}

// scope asks the login for the right to read, so that one login serves all requests.
func (r *repository) scope(ctx context.Context) context.Context {
	return auth.AppendRepositoryScope(ctx, r.remote.Reference, auth.ActionPull)
}

// address is that of a blob or manifest, as the OCI distribution specification has it.
func (r *repository) address(kind, what string) *url.URL {
	ref := r.remote.Reference
	return &url.URL{Scheme: r.scheme, Host: ref.Host(), Path: "/v2/" + ref.Repository + "/" + kind + "/" + what}
}

// resolve reads the manifest that a reference means.
func (r *repository) resolve(ctx context.Context, ref Ref) ([]byte, error) {
	if ref.Digest != "" {
		return r.fetchManifest(ctx, ref.Digest.String())
	}
	if ref.Tag != "" {
		return r.fetchManifest(ctx, ref.Tag)
	}
	names, err := again(ctx, r.web, func() ([]string, error) { return r.tags(ctx) })
	if errors.Is(err, ErrAuth) || errors.Is(err, ErrNotFound) || errors.Is(err, ErrNoPackage) {
		// Some registries let everybody read and nobody list.
		if manifest, latestErr := r.fetchManifest(ctx, "latest"); latestErr == nil {
			return manifest, nil
		}
	}
	if err != nil {
		return nil, err
	}
	// The newest are looked at: a registry does not say which version a tag is.
	slices.SortFunc(names, func(a, b string) int { return compareVersions(b, a) })
	var found []candidate
	manifests := map[digest.Digest][]byte{}
	for _, tag := range names[:min(len(names), maxTagsLooked)] {
		data, err := r.fetchManifest(ctx, tag)
		if err != nil {
			return nil, err
		}
		if _, err := readOutline(r.place, r.kind, data); err != nil {
			continue // another package of the repository
		}
		blob := describe(ocispec.MediaTypeImageManifest, data)
		manifests[blob.Digest] = data
		found = append(found, candidate{tag: tag, blob: blob, version: statedVersion(data)})
	}
	blob, err := choose(r.place, r.kind, found, ref, func(blob ocispec.Descriptor) ([]byte, error) { return manifests[blob.Digest], nil })
	return manifests[blob.Digest], err
}

// tags lists the tags of the repository.
func (r *repository) tags(ctx context.Context) ([]string, error) {
	watch := newWatch(r.scope(ctx), r.web.life, 2*r.web.stall)
	defer watch.stop()
	var names []string
	err := r.remote.Tags(watch.ctx, "", func(page []string) error {
		watch.wait()
		for _, tag := range page {
			if tagPattern.MatchString(tag) {
				names = append(names, tag)
			}
		}
		if len(names) > maxTags {
			return errdef.ErrTooManyPages
		}
		return nil
	})
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return names, nil
	case errors.Is(err, errdef.ErrTooManyPages):
		return nil, fail(ErrNotFound, r.place, "Name the one that you mean.", "has more tags than can be looked at")
	case errors.As(err, &syntax):
		return nil, fail(ErrNoPackage, r.place, "Check the address.", "is no registry").because(err)
	}
	return nil, netFailure(ctx, r.place, watch.failure(err))
}

// fetchManifest reads a manifest by its tag or digest.
func (r *repository) fetchManifest(ctx context.Context, reference string) ([]byte, error) {
	header := http.Header{"Accept": {strings.Join([]string{ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageIndex}, ", ")}}
	return again(ctx, r.web, func() ([]byte, error) {
		answer, err := r.web.get(r.scope(ctx), r.address("manifests", reference), header)
		if err != nil {
			return nil, err
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return nil, statusFailure(r.place, answer.StatusCode, answer.Header)
		}
		var data bytes.Buffer
		if _, err := io.Copy(&data, io.LimitReader(answer.Body, MaxManifest+1)); err != nil {
			return nil, netFailure(ctx, r.place, err)
		}
		if data.Len() > MaxManifest {
			return nil, fail(ErrDamaged, r.place, "", "has a manifest of more than %d bytes, which no lab has", MaxManifest)
		}
		if looksLikePage(data.Bytes()) {
			return nil, webPage(r.place)
		}
		return data.Bytes(), r.checkDigest(data.Bytes(), reference, answer)
	})
}

// checkDigest checks a manifest against the digest that was asked for, or the one that the registry states.
func (r *repository) checkDigest(manifest []byte, reference string, answer *http.Response) error {
	stated := reference
	if !strings.Contains(reference, ":") {
		stated = answer.Header.Get("Docker-Content-Digest") // OCI distribution specification 1.1, "Pulling manifests": may be absent
	}
	if stated != "" && strings.HasPrefix(stated, "sha256:") && digest.FromBytes(manifest).String() != stated {
		return fail(ErrDamaged, r.place, "Try again, or fetch it from another place.", "sent a manifest whose digest is not %s", shownPath(stated))
	}
	if kind := answer.Header.Get("Content-Type"); strings.HasPrefix(kind, ocispec.MediaTypeImageIndex) {
		return fail(ErrNoPackage, r.place, "Check the name.", "holds something else than a lab, perhaps a container image")
	}
	return nil
}
