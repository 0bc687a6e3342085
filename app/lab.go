package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"guesthouse/app/jobs"
	"guesthouse/app/labs"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

func newLab(o *options) *cobra.Command {
	c := group("lab", "Publish, fetch, run and hand in course labs",
		newLabImages(o), newLabTopologies(o), newLabPull(o), newLabPush(o), newLabImport(o), newLabExport(o), newLabRun(o), newLabPs(o), newLabStop(o), newLabReset(o), newLabRm(o),
		newLabRmi(o), newLabPublish(o), newLabBuild(o), newLabSubmit(o), newLabSubmissions(o), newLabVerify(o), newLabGC(o), newLabForget(o), newLabForgetStudent(o))
	c.Long = `Publish, fetch, run and hand in course labs: whole machines that are handled as containers are.

REF is a place or a lab in the library: a folder (/usb/labs), a file (course.lab), a web
address (https://…), a registry (host/name:tag), or name:tag as “lab images” lists it.

A file that ends in .yaml is a lab of several machines on private networks; “lab topologies”
lists those in the library, and run, stop, reset and rm take their names as well.`
	return c
}

// labDocument is a lab of the library as --json prints it.
type labDocument struct {
	ID           string   `json:"id"`
	Names        []string `json:"names"`
	Title        string   `json:"title"`
	Course       string   `json:"course"`
	Version      int      `json:"version"`
	Created      string   `json:"created"`
	VirtualBytes int64    `json:"virtual_bytes"`
	DiskBytes    int64    `json:"disk_bytes"`
	Ready        bool     `json:"ready"`
	Expires      string   `json:"expires,omitempty"` // when its course ends
	Problem      string   `json:"problem,omitempty"`
}

func describeLab(i labs.Image) labDocument {
	d := labDocument{ID: i.ID.String(), Names: i.Names, DiskBytes: i.Disk, Ready: i.Ready}
	if i.Err != nil {
		d.Problem = i.Err.Error()
		return d
	}
	d.Title, d.Course, d.Version, d.Created = i.Config.Title, i.Config.Course.Name, i.Config.Version, i.Config.Created.Format(time.RFC3339)
	if !i.Config.Expires.IsZero() {
		d.Expires = i.Config.Expires.Format(time.RFC3339)
	}
	for _, disk := range i.Config.Disks {
		d.VirtualBytes += disk.Bytes
	}
	return d
}

func newLabImages(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "images", Short: "List the labs in the library", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := openLibrary(o).Images()
			if err != nil {
				return err
			}
			if o.json {
				documents := []labDocument{}
				for _, i := range list {
					documents = append(documents, describeLab(i))
				}
				writeJSON(o.out, documents)
				return nil
			}
			t := tabwriter.NewWriter(o.out, 0, 0, 3, ' ', 0)
			fmt.Fprintln(t, "REPOSITORY\tTAG\tID\tCREATED\tVIRTUAL\tON DISK\tTITLE")
			for _, i := range list {
				d := describeLab(i)
				title, on := vmconfig.Inert(d.Title, 50), vmconfig.FormatSize(d.DiskBytes)
				switch {
				case d.Problem != "":
					title = vmconfig.Inert(d.Problem, 80)
				case !i.Ready:
					on = "incomplete"
				}
				created := ""
				if i.Config != nil {
					created = i.Config.Created.Local().Format(time.DateOnly)
				}
				for _, name := range names(i) {
					repository, tag, _ := strings.Cut(name, ":")
					fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", repository, tag, i.ID.Hex()[:12], created, vmconfig.FormatSize(d.VirtualBytes), on, title)
				}
			}
			return t.Flush()
		},
	}
}

// names are those under which a lab is listed; one without any still has an ID.
func names(i labs.Image) []string {
	if len(i.Names) == 0 {
		return []string{"<none>:<none>"}
	}
	return i.Names
}

func newLabRun(o *options) *cobra.Command {
	var name string
	var stopped, kiosk bool
	var f fetchFlags
	c := &cobra.Command{
		Use: "run REF", Short: "Launch a machine from a lab, fetching that first where needed", Args: exactArgs("a lab"),
		RunE: func(cmd *cobra.Command, args []string) error {
			launch := func(s *services) (uuid.UUID, error) {
				ctx := cmd.Context()
				id, err := localOrFetched(ctx, o, s, args[0], f)
				if err != nil {
					return uuid.Nil, err
				}
				if i, err := s.labs.Library().Resolve(id.String()); err == nil && i.Config != nil && i.Config.Expired(time.Now()) {
					fmt.Fprintf(o.err, "Its course ended on %s. The lab works as before.\n", i.Config.Expires.Local().Format(time.DateOnly))
				}
				job, machine := s.labs.Launch(id, labs.LaunchOptions{Name: name, Start: !stopped})
				return machine, waitJob(ctx, o, job)
			}
			if kiosk {
				if err := checkDisplay(); err != nil {
					return noDisplay(o, err)
				}
				return openConsole(cmd.Context(), o, true, func(s *services) (uuid.UUID, error) {
					if isTopology(s, args[0]) {
						return uuid.Nil, &labs.Reason{Text: "A kiosk shows one machine. Launch the lab first, then name one of its machines."}
					}
					if m := launchedBefore(s, args[0]); m != nil {
						return m.UUID, startIfOff(cmd.Context(), o, s, m)
					}
					return launch(s)
				})
			}
			return withServices(cmd, o, func(ctx context.Context, s *services) error {
				if isTopology(s, args[0]) {
					if name != "" {
						return &labs.Reason{Text: "The machines of a lab of several have the names that it says."}
					}
					return runTopology(ctx, o, s, args[0], f, !stopped)
				}
				machine, err := launch(s)
				if err != nil {
					return err
				}
				return printLaunched(o, s, machine)
			})
		},
	}
	c.Flags().BoolVar(&kiosk, "kiosk", false, "show it on the whole screen, with nothing but Reset, Hand in and Quit; REF may be a machine that is there already")
	c.Flags().StringVar(&name, "name", "", "`NAME` of the machine (default: the lab's title)")
	c.Flags().BoolVar(&stopped, "stopped", false, "do not start it")
	f.add(c)
	return c
}

// launchedBefore finds the machine that a name means, or the one that was launched from the lab that it means; nil if there is none.
func launchedBefore(s *services, ref string) *machines.Machine {
	if m, err := s.machines.Snapshot().Find(ref); err == nil {
		return m
	}
	image, err := s.labs.Library().Resolve(ref)
	if err != nil {
		return nil
	}
	for _, m := range s.labs.Machines() {
		if m.Config.Lab.ID == image.ID.String() && !labs.IsSubmission(m.Config) {
			return m
		}
	}
	return nil
}

// startIfOff starts a machine of a lab unless it runs.
func startIfOff(ctx context.Context, o *options, s *services, m *machines.Machine) error {
	if m.Config == nil || m.Config.Lab.ID == "" {
		return &labs.Reason{Text: "This machine was not launched from a lab.", Err: labs.ErrNotALab}
	}
	if m.State.Active() {
		return nil
	}
	return waitJob(ctx, o, s.machines.Do(machines.ActionStart, m.UUID))
}

func printLaunched(o *options, s *services, machine uuid.UUID) error {
	m := s.machines.Snapshot().Get(machine)
	if m == nil {
		return nil
	}
	if o.json {
		return printMachines(o, s, []*machines.Machine{m})
	}
	fmt.Fprintf(o.out, "%s\n", vmconfig.Inert(m.Name, vmconfig.MaxNameBytes))
	for _, f := range m.Config.Forwards {
		fmt.Fprintf(o.out, "localhost:%d leads to the guest's port %d\n", f.Host, f.Guest)
	}
	return nil
}

// labMachineDocument is a machine that was launched from a lab.
type labMachineDocument struct {
	Name    string           `json:"name"`
	UUID    string           `json:"uuid"`
	Lab     string           `json:"lab"`
	LabID   string           `json:"lab_id"`
	Version int              `json:"version"`
	State   hypervisor.State `json:"state"`
	Ports   []portDocument   `json:"ports,omitempty"`
	// Topology is the lab of several machines that it belongs to, and Role its name there.
	Topology string `json:"topology,omitempty"`
	Role     string `json:"role,omitempty"`
}

type portDocument struct {
	Host  int `json:"host"`
	Guest int `json:"guest"`
}

func newLabPs(o *options) *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use: "ps", Short: "List the running machines that were launched from labs", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withServices(cmd, o, func(ctx context.Context, s *services) error {
				documents := []labMachineDocument{}
				t := tabwriter.NewWriter(o.out, 0, 0, 3, ' ', 0)
				fmt.Fprintln(t, "NAME\tLAB\tVERSION\tSTATE\tPORTS")
				for _, m := range s.labs.Machines() {
					if !all && !m.State.Active() {
						continue
					}
					l := m.Config.Lab
					d := labMachineDocument{Name: m.Name, UUID: m.UUID.String(), Lab: l.Name, LabID: l.ID, Version: l.Version, State: m.State, Topology: l.Topology, Role: l.Role}
					var ports []string
					for _, f := range m.Config.Forwards {
						d.Ports = append(d.Ports, portDocument(f))
						ports = append(ports, fmt.Sprintf("%d→%d", f.Host, f.Guest))
					}
					documents = append(documents, d)
					fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%s\n", vmconfig.Inert(m.Name, 64), vmconfig.Inert(l.Name, 64), l.Version, m.State, strings.Join(ports, " "))
				}
				if o.json {
					writeJSON(o.out, documents)
					return nil
				}
				return t.Flush()
			})
		},
	}
	c.Flags().BoolVarP(&all, "all", "a", false, "list those that are off as well")
	return c
}

func newLabStop(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "stop NAME", Short: "Press the power button of a lab's machines; the guests decide", Args: exactArgs("the name of a machine or of a lab of several"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withLabMachines(cmd, o, args[0], func(ctx context.Context, s *services, _ *labs.Topology, ms []*machines.Machine) error {
				var ids []uuid.UUID
				for _, m := range ms {
					ids = append(ids, m.UUID)
				}
				return waitJob(ctx, o, s.machines.Do(machines.ActionShutdown, ids...))
			})
		},
	}
}

func newLabReset(o *options) *cobra.Command {
	var options labs.ResetOptions
	var undo bool
	c := &cobra.Command{
		Use: "reset NAME", Short: "Take a lab's machine, or all of a lab of several, back to the beginning",
		Long: `Take a lab's machine back to how it was when it was launched, checkpoints included. What it was
is put aside: for seven days --undo brings it back, and puts aside what it is then. The name of
a lab of several machines stands for all of them.`,
		Args: exactArgs("the name of a machine or of a lab of several"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withLabMachines(cmd, o, args[0], func(ctx context.Context, s *services, t *labs.Topology, ms []*machines.Machine) error {
				var job *jobs.Job
				switch {
				case t == nil && undo:
					job = s.labs.UndoReset(ms[0].UUID, options)
				case t == nil:
					job = s.labs.Reset(ms[0].UUID, options)
				case undo:
					job = s.labs.UndoResetTopology(t, options)
				default:
					job = s.labs.ResetTopology(t, options)
				}
				if err := waitJob(ctx, o, job); err != nil {
					return err
				}
				return printMachines(o, s, ms)
			})
		},
	}
	c.Flags().BoolVar(&options.Update, "update", false, "go to the newest version of the lab that is in the library")
	c.Flags().BoolVar(&undo, "undo", false, "take the last reset back")
	c.Flags().BoolVar(&options.PowerOff, "power-off", false, "switch it off if it is running, or forget its saved state")
	c.MarkFlagsMutuallyExclusive("undo", "update")
	return c
}

func newLabRm(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "rm NAME", Short: "Delete a lab's machine, or all of a lab of several, with what was done in it; the lab stays",
		Long: "Delete a lab's machine, or all machines of a lab of several. Their files stay in the trash for seven days. The lab stays in the library.",
		Args: exactArgs("the name of a machine or of a lab of several"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withLabMachines(cmd, o, args[0], func(ctx context.Context, s *services, t *labs.Topology, ms []*machines.Machine) error {
				if t != nil {
					return waitJob(ctx, o, s.labs.DeleteTopology(t))
				}
				if m := ms[0]; m.Config == nil || m.Config.Lab.ID == "" {
					return &labs.Reason{Text: "This machine was not launched from a lab. “vm delete” deletes any machine.", Err: labs.ErrNotALab}
				}
				return waitJob(ctx, o, s.machines.Delete(ms[0].UUID, false))
			})
		},
	}
}

func newLabRmi(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "rmi REF", Short: "Remove a lab, or a lab of several machines, from the library",
		Long: "Remove a lab from the library. Machines that were launched from it keep working; “lab gc” frees what nothing uses any more.",
		Args: exactArgs("a lab"),
		RunE: func(cmd *cobra.Command, args []string) error {
			library := openLibrary(o)
			image, err := library.Resolve(args[0])
			if t, _ := library.Topology(args[0]); err != nil && t.Topology != nil { // also one that cannot be read
				return withServices(cmd, o, func(ctx context.Context, s *services) error { return removeTopology(ctx, o, s, &t) })
			}
			if err != nil {
				return err
			}
			return library.Remove(cmd.Context(), image.ID)
		},
	}
}

func newLabGC(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "gc", Short: "Free the room of labs that nothing uses any more", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withServices(cmd, o, func(ctx context.Context, s *services) error {
				freed, err := s.labs.GC(ctx)
				if err != nil {
					return err
				}
				if o.json {
					writeJSON(o.out, map[string]int64{"freed_bytes": freed})
					return nil
				}
				fmt.Fprintf(o.out, "%s freed\n", vmconfig.FormatSize(freed))
				return nil
			})
		},
	}
}

func newLabForget(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "forget COURSE", Short: "Forget the key of a course, so that its next lab is asked about as a new course's",
		Long: `Forget the key of a course and which versions of its labs were here. Do that only when the teacher
has told you, in person, that the key is a new one: otherwise somebody may pretend to be the teacher.`,
		Args: exactArgs("the name of a course"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return openLibrary(o).ForgetCourse(cmd.Context(), args[0])
		},
	}
}

func newLabPublish(o *options) *cobra.Command {
	var p publishFlags
	c := &cobra.Command{
		Use: "publish MACHINE -t NAME --course COURSE", Short: "Make a lab of a machine",
		Long: `Make a lab of a machine that is off, or of one of its checkpoints, and put it into the library,
signed with the course's key, which is made the first time. “lab push” then sends it to a folder,
a file, or a registry.

Whatever the machine's disks hold becomes part of the lab: look for passwords, keys and deleted
files first.`,
		Args: exactArgs("the name of a machine"),
		RunE: func(cmd *cobra.Command, args []string) error {
			options, err := p.options()
			if err != nil {
				return err
			}
			return withMachine(cmd, o, args[0], func(ctx context.Context, s *services, m *machines.Machine) error {
				p.inherit(cmd, o, s.labs.Library(), &options.Config)
				if options.Config.Title == "" {
					options.Config.Title = m.Name
				}
				if p.checkpoint != "" {
					list, err := s.checkpoints.List(ctx, m.UUID)
					if err != nil {
						return err
					}
					point, err := s.checkpoints.Resolve(list, p.checkpoint)
					if err != nil {
						return err
					}
					options.Checkpoint = point.ID
				}
				var id lab.Digest
				options.Done = func(d lab.Digest) { id = d }
				if err := waitJob(ctx, o, s.labs.PublishMachine(m.UUID, options)); err != nil {
					return err
				}
				if err := printLab(o, s.labs.Library(), id); err != nil || o.json {
					return err
				}
				key, err := s.labs.Library().CourseKey(options.Config.Course.Name)
				if err == nil {
					fmt.Fprintf(o.out, "Students compare these words when they add the first lab of the course: %s\n", lab.Fingerprint(key))
				}
				return err
			})
		},
	}
	f := c.Flags()
	f.StringVarP(&p.tag, "tag", "t", "", "`NAME` of the lab, such as networks/firewalls")
	f.StringVar(&p.course, "course", "", "`NAME` of the course, whose key signs it")
	f.StringVar(&p.title, "title", "", "`TEXT` that students read (default: the machine's name)")
	f.StringVar(&p.language, "language", "en", "`TAG` of the language of title and text, such as de")
	f.StringVar(&p.text, "text", "", "`FILE` with the task in Markdown")
	f.StringVar(&p.network, "network", "isolated", "`MODE`: isolated, internet or none")
	f.StringArrayVar(&p.ports, "port", nil, "`NAME=NUMBER` of a port of the guest that the student's computer opens, such as web=80; may be repeated")
	f.Int64Var(&p.growth, "submit-limit", 0, "most `MIB` of changes that a student may hand in (default 1024)")
	f.IntVar(&p.checkpoints, "checkpoints", -1, "most `N` checkpoints that a student's machine may have (default: any number)")
	f.StringVar(&p.expires, "expires", "", "`DATE` when the course ends, such as 2027-07-31; students are told, and the lab works on")
	f.BoolVar(&p.clean, "clean", false, "take logs, histories, machine ID, SSH host keys and deleted files out of the copy (Linux; needs guestfs-tools)")
	f.StringVar(&p.checkpoint, "checkpoint", "", "publish this `CHECKPOINT` instead of the present state")
	f.StringVar(&p.password, "password", os.Getenv("GUESTHOUSE_KEY_PASSWORD"), "of the course's key (default: $GUESTHOUSE_KEY_PASSWORD; empty: it has none)")
	c.Flags().Lookup("password").DefValue, c.Flags().Lookup("checkpoints").DefValue = "", "0" // which is not shown
	_ = c.MarkFlagRequired("tag")
	_ = c.MarkFlagRequired("course")
	return c
}

// publishFlags say what a lab is called and how its students may work.
type publishFlags struct {
	tag, course, title, language, text, network, checkpoint, password, expires string
	ports                                                                      []string
	growth                                                                     int64 // MiB
	checkpoints                                                                int   // below 0: any number
	clean                                                                      bool
}

// inherit takes over from the version before what the flags do not say of how students may work, and tells so.
func (p *publishFlags) inherit(cmd *cobra.Command, o *options, library *labs.Library, c *lab.Config) {
	before, err := library.Resolve(c.Name)
	if err != nil || before.Config == nil || before.Config.Course.Name != c.Course.Name {
		return
	}
	was := before.Config
	if !cmd.Flags().Changed("checkpoints") && was.Checkpoints != nil {
		c.Checkpoints = was.Checkpoints
		fmt.Fprintf(o.err, "As before, students may keep %d checkpoints; --checkpoints=-1 for any number.\n", was.Checkpoints.Max)
	}
	if !cmd.Flags().Changed("expires") && !was.Expires.IsZero() {
		c.Expires = was.Expires
		fmt.Fprintf(o.err, "As before, the course ends on %s; --expires= for no end.\n", was.Expires.Local().Format(time.DateOnly))
	}
	if !cmd.Flags().Changed("submit-limit") {
		c.Submit = was.Submit
	}
}

// options understands the flags.
func (p *publishFlags) options() (labs.PublishOptions, error) {
	o := labs.PublishOptions{Clean: p.clean, Password: func(context.Context, bool) (string, error) { return p.password, nil }}
	c := &o.Config
	c.Name, c.Course.Name, c.Title, c.Language, c.Network.Mode = p.tag, p.course, p.title, p.language, lab.NetworkMode(p.network)
	if p.text != "" {
		data, err := readText(p.text, lab.MaxTextBytes)
		if err != nil {
			return o, err
		}
		c.Text = string(data)
	}
	for _, port := range p.ports {
		label, number, ok := strings.Cut(port, "=")
		guest := 0
		if _, err := fmt.Sscanf(number, "%d", &guest); !ok || err != nil {
			return o, usagef("a port is NAME=NUMBER, such as web=80, not %q", vmconfig.Inert(port, 40))
		}
		c.Network.Ports = append(c.Network.Ports, lab.Port{Name: label, Guest: guest})
	}
	if p.growth < 0 {
		return o, usagef("the limit of what may be handed in is a number of MiB above 0")
	}
	if p.growth > 0 {
		c.Submit = &lab.Submit{GrowthMiB: p.growth}
	}
	if p.checkpoints >= 0 {
		c.Checkpoints = &lab.Checkpoints{Max: p.checkpoints}
	}
	if p.expires != "" {
		day, err := lab.ParseDay(p.expires)
		if err != nil {
			return o, usagef("a date is a day such as 2027-07-31, not %q", vmconfig.Inert(p.expires, 40))
		}
		c.Expires = day
	}
	return o, nil
}

// printLab prints a lab of the library.
func printLab(o *options, library *labs.Library, id lab.Digest) error {
	image, err := library.Resolve(id.String())
	if err != nil {
		return err
	}
	if o.json {
		writeJSON(o.out, describeLab(image))
		return nil
	}
	for _, name := range names(image) {
		fmt.Fprintln(o.out, name)
	}
	return nil
}
