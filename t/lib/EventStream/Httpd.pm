# SPDX-License-Identifier: Apache-2.0
package EventStream::Httpd;

=head1 NAME

EventStream::Httpd - an httpd for one system test

=head1 SYNOPSIS

    use lib "$FindBin::Bin/lib";
    use EventStream::Httpd;
    use EventStream::Client;    # get request publish subscribe wait_for

    my $httpd = EventStream::Httpd->start(
        mpm     => 'event',                 # preset; worker, prefork
        modules => ['status', 'rewrite'],   # besides the base ones
        log     => 'info',                  # LogLevel, preset debug for us
        files   => {'hello.txt' => "hello\n"},  # into the DocumentRoot
        conf    => <<'CONF');
    <Location "/events">
        SetHandler eventstream
        EventStreamChannel news
    </Location>
    CONF

The configuration is this text after a prelude that loads the modules and
listens on a free port of 127.0.0.1. Each child has
one delivery thread, or as many as the variable ES_THREADS says, or the conf.
Keep-alives come after five minutes, unless the conf says otherwise: a test that
takes long would take them for events.
These marks are replaced in it:

    @PORT@              the port; @PORT:name@ is one more free port
    @SSL_PORT@          the port of the TLS host (ssl => 1)
    @ROOT@              the ServerRoot, a temporary folder
    @DOCROOT@           the DocumentRoot, @ROOT@/htdocs
    @CERT@ @KEY@        a self-signed certificate for localhost (ssl => 1)
    @PLAIN@             in a VirtualHost of a port that httpd itself connects
                        to: plain, also where the test runs over TLS

With ES_TEST_TLS all other ports speak TLS, whatever the test does
(EventStream::Tls).

=head1 CLASS METHODS

=over

=item start(%options)

Starts httpd and returns when it answers. Dies with the error log if it does
not answer. Further options:

    ssl     => 1        load mod_ssl; a TLS host inherits the whole conf
    h2      => 1        load mod_http2, Protocols h2 h2c http/1.1
    module  => 0        do not load mod_eventstream (preset 1)
    presets => 1        keep-alives come as they do without a directive
    prelude => '...'    text before everything else, LoadModule included
    mpm_conf => '...'   replaces the preset sizes (2 children, 25 threads)
    env     => {K => V} for httpd
    preload => 'x.so'   a library for LD_PRELOAD
    without => 'net_admin'  a capability that the server does not have
    descriptors => 256  the limit of open files, soft and hard; or [soft, hard]
    user    => 'daemon' to run as, where the test is root
    as      => 'nobody' where the test is root, who starts httpd; its folder
                        belongs to that user
    deadline => 60      seconds to wait for the first answer

=item config_test($conf, %options)

Runs httpd -t with this text. Returns 1 or 0, and its output. Options as for
start, and arguments => [...] for its command line.

=item build($key)

A value that configure found (t/build.conf): httpd, moduledir, sanitize,
version...

=item has_module($name)

True if this httpd can load mod_NAME.

=back

=head1 METHODS

=over

=item port, ssl_port, port_of($name), root, docroot, cert

=item url($path), ssl_url($path)

=item pid

The pid of the parent. children returns the pids of its children in order,
threads($pid) the number of threads of a process.

=item graceful, restart

Send the signal and return true when the new generation has started. With
wait => 0 they return at once, with all => 1 when the old one has ended.

=item wait_until_idle

Waits until all threads of the children sleep, for two seconds at most. restart
and stop begin with it.

=item stop, graceful_stop

End httpd and wait for it. Return its exit status, or undef if it had to be
killed. stop is called when the object is destroyed, whatever happens.

=item start_again

Starts it once more after it has ended, with the same folder, ports and
configuration. Returns true when it answers, false if it has ended instead.

=item kill_parent

Kills the parent by SIGKILL, and then the children that it has left behind.

=item kill_child($pid)

Kills a child by SIGKILL and waits until the parent has replaced it.

=item error_log, access_log, log_size

The text of a log; error_log($from) that from this byte on. The access log is
without the line of the request of start.

=item rewrite_conf($conf)

Writes a new configuration for the next graceful or restart.

=item faults

The faults that t/inspect finds in the shared memory of all hubs, '' if there
are none; undef where this user may not read it. No request may be publishing.
Clients may come and go, so only what is still wrong after 30 s counts.

=item is_alive

=back

If a test has failed, the end of the error log is printed when the object is
destroyed.

=cut

use strict;
use warnings;

use Cwd ();
use File::Path ();
use File::Temp ();
use IO::Socket::INET;
use POSIX ();
use Test::More ();
use Time::HiRes qw(sleep time);

use EventStream::Ports;
use EventStream::Process qw(spew);
use EventStream::Tls;

our @ISA = ('EventStream::Process');

my $build;

sub builddir
{
    return $ENV{ES_BUILDDIR} || Cwd::getcwd();
}

sub build
{
    my ($class, $key) = @_;
    if (!$build) {
        my $file = builddir() . '/t/build.conf';
        open my $in, '<', $file
            or die "$file: $!; set ES_BUILDDIR to the build folder\n";
        while (my $line = <$in>) {
            $build->{$1} = $2 if $line =~ /^(\w+)=(.*)$/;
        }
    }
    return $build->{$key};
}

sub module_file
{
    return builddir() . '/.libs/mod_eventstream.so';
}

sub has_module
{
    my ($class, $name) = @_;
    return -f $class->build('moduledir') . "/mod_$name.so";
}

sub new
{
    my ($class, %opt) = @_;
    my $self = bless {
        mpm => 'event', modules => [], module => 1, deadline => 60,
        conf => '', prelude => '', env => {}, %opt
    }, $class;
    $self->{log} ||= $self->{module} ? 'info eventstream:debug' : 'info';

    $self->owned;
    $self->{root} = File::Temp::tempdir('es-XXXXXX', TMPDIR => 1);
    chmod 0755, $self->{root};
    mkdir "$self->{root}/$_" for qw(htdocs logs run tmp);
    chmod 01777, "$self->{root}/tmp";
    my $files = $self->{files} || {};
    for my $name (keys %$files) {
        my $file = "$self->{root}/htdocs/$name";
        (my $dir = $file) =~ s{/[^/]*$}{};
        File::Path::make_path($dir);
        spew($file, $files->{$name});
    }
    $self->make_certificate if $self->{ssl} || over_tls();
    return $self;
}

sub slurp
{
    my ($file, $from) = @_;
    open my $in, '<', $file or return '';
    seek $in, $from || 0, 0;
    local $/;
    my $text = <$in>;
    return defined $text ? $text : '';
}

sub make_certificate
{
    my ($self) = @_;
    my $root = $self->{root};
    my $out = `openssl req -x509 -newkey rsa:2048 -nodes -days 2 \\
        -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \\
        -keyout '$root/key.pem' -out '$root/cert.pem' 2>&1`;
    die "openssl: $out" if $? != 0;
    return;
}

sub load_line
{
    my ($class, $name) = @_;
    my $file = $class->build('moduledir') . "/mod_$name.so";
    return '' if !-f $file;    # compiled into this httpd
    return "<IfModule !mod_$name.c>\n"
        . "LoadModule ${name}_module \"$file\"\n</IfModule>\n";
}

my %MPM_CONF = (
    event => "StartServers 2\nServerLimit 2\nThreadsPerChild 25\n"
        . "MaxRequestWorkers 50\nMinSpareThreads 25\nMaxSpareThreads 50\n",
    prefork => "StartServers 4\nServerLimit 8\nMaxRequestWorkers 8\n"
        . "MinSpareServers 1\nMaxSpareServers 8\n",
);
$MPM_CONF{worker} = $MPM_CONF{event};

sub text
{
    my ($self) = @_;
    my $class = ref $self;
    my @modules = (
        "mpm_$self->{mpm}", qw(authn_core authz_core authz_host unixd
            log_config mime dir alias), @{$self->{modules}});
    push @modules, qw(socache_shmcb ssl) if $self->{ssl} || over_tls();
    push @modules, 'http2' if $self->{h2};
    my %seen;
    my $text = $self->{prelude} . "\n";
    $text .= $class->load_line($_) for grep { !$seen{$_}++ } @modules;
    if ($self->{module}) {
        $text .= 'LoadModule eventstream_module "' . module_file() . "\"\n";
    }
    if ($> == 0 && !$self->{as}) {
        my ($user) = grep { defined getpwnam $_ } $self->{user} || (),
            qw(www-data apache nobody);
        my $group = getgrgid((getpwnam $user)[3]);
        $text .= "User $user\nGroup $group\n";
    }
    $text .= <<"CONF";
ServerRoot "\@ROOT@"
DefaultRuntimeDir "\@ROOT@/run"
PidFile "\@ROOT@/run/httpd.pid"
ServerName localhost
ErrorLog "\@ROOT@/logs/error_log"
LogLevel $self->{log}
LogFormat "%h %l %u %t \\"%r\\" %>s %b" common
CustomLog "\@ROOT@/logs/access_log" common
DocumentRoot "\@DOCROOT@"
TypesConfig /dev/null
Listen 127.0.0.1:\@PORT@
EnableSendfile off
CONF
    $text .= <<'CONF' if over_tls();
SSLEngine on
SSLCertificateFile "@CERT@"
SSLCertificateKeyFile "@KEY@"
CONF
    $text .= exists $self->{mpm_conf}
        ? $self->{mpm_conf} . "\n" : $MPM_CONF{$self->{mpm}};
    $text .= 'EventStreamThreads ' . ($ENV{ES_THREADS} || 1) . "\n"
        if $self->{module};
    $text .= "EventStreamKeepAlive 300\n"
        if $self->{module} && !$self->{presets};
    $text .= "Protocols h2 h2c http/1.1\n" if $self->{h2};
    $text .= $self->{conf} . "\n";
    $text .= <<'CONF' if $self->{ssl};
Listen 127.0.0.1:@SSL_PORT@ https
<VirtualHost 127.0.0.1:@SSL_PORT@>
ServerName localhost
SSLEngine on
SSLCertificateFile "@CERT@"
SSLCertificateKeyFile "@KEY@"
</VirtualHost>
CONF
    return $text;
}

sub write_conf
{
    my ($self) = @_;
    my $text = $self->text;
    my @names = ('', 'ssl');
    push @names, $1 while $text =~ /\@PORT:(\w+)\@/g;
    my @missing = grep { !$self->{ports}{$_} } @names;
    @{$self->{ports}}{@missing} = free_ports(scalar @missing) if @missing;

    my %mark = (
        PORT => $self->{ports}{''}, SSL_PORT => $self->{ports}{ssl},
        ROOT => $self->{root}, DOCROOT => "$self->{root}/htdocs",
        CERT => "$self->{root}/cert.pem", KEY => "$self->{root}/key.pem",
        PLAIN => over_tls() ? 'SSLEngine off' : '');
    $text =~ s/\@PORT:(\w+)\@/$self->{ports}{$1}/g;
    $text =~ s/\@([A-Z_]+)\@/exists $mark{$1} ? $mark{$1} : "\@$1\@"/ge;
    spew("$self->{root}/httpd.conf", $text);
    system 'chown', '-R', $self->{as}, $self->{root}
        if $self->{as} && $> == 0;
    EventStream::Tls::listens($text =~ /^\s*Listen \S*?(\d+)(?:\s|$)/mg)
        if over_tls();
    return;
}

sub rewrite_conf
{
    my ($self, $conf) = @_;
    $self->{conf} = $conf;
    $self->write_conf;
    return;
}

# In a build with sanitizers the module needs their runtime first in httpd.
# Leaks are left to the unit tests: httpd never frees its pools in children.
sub set_environment
{
    my ($self) = @_;
    my $class = ref $self;
    my @preload;
    if ($class->build('sanitize') eq 'yes') {
        push @preload, $class->build('preload');
        $ENV{ASAN_OPTIONS} ||= 'detect_leaks=0:detect_odr_violation=0:'
            . 'abort_on_error=1:disable_coredump=1';
        $ENV{UBSAN_OPTIONS} ||= 'print_stacktrace=1';
    }
    push @preload, $self->{preload} if $self->{preload};
    $ENV{LD_PRELOAD} = join ':', @preload if @preload;
    $ENV{$_} = $self->{env}{$_} for keys %{$self->{env}};
    return;
}

sub spawn
{
    my ($self, @args) = @_;
    my $out = "$self->{root}/logs/output";
    my $pid = fork;
    die "fork: $!" if !defined $pid;
    if ($pid == 0) {
        $SIG{$_} = 'DEFAULT' for qw(TERM INT HUP PIPE);
        # prefork signals its whole process group, which would be that of the
        # test
        setpgrp if $self->{mpm} eq 'prefork';
        $self->set_environment;
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', $out;
        open STDERR, '>&', \*STDOUT;
        my @command = (ref($self)->build('httpd'),
            '-f', "$self->{root}/httpd.conf", @args);
        # perl has no setrlimit
        if (my $limit = $self->{descriptors}) {
            my ($soft, $hard) = ref $limit ? @$limit : ($limit, $limit);
            unshift @command, '/bin/sh', '-c', "ulimit -Sn $soft && "
                . "ulimit -Hn $hard && exec \"\$\@\"", 'sh';
        }
        unshift @command, 'setpriv', "--bounding-set=-$self->{without}",
            "--inh-caps=-$self->{without}" if $self->{without} && $> == 0;
        unshift @command, 'setpriv', "--reuid=$self->{as}",
            '--regid=' . (getpwnam $self->{as})[3], '--clear-groups'
            if $self->{as} && $> == 0;
        exec @command or POSIX::_exit(127);
    }
    return $pid;
}

sub start
{
    my ($class, %opt) = @_;
    my $self = $class->new(%opt);
    for my $try (1 .. 5) {
        delete $self->{ports};
        $self->write_conf;
        $self->{pid} = $self->spawn('-DFOREGROUND');
        return $self if $self->wait_until_up;
        my $log = $self->all_output;
        $self->stop;
        delete $self->{status};
        if ($log !~ /Address already in use/ || $try == 5) {
            $self->{quiet} = 1;
            die "httpd does not answer:\n$log\n";
        }
        unlink "$self->{root}/logs/error_log", "$self->{root}/logs/output";
    }
    return;
}

sub start_again
{
    my ($self) = @_;
    for my $try (1 .. 5) {
        my $from = $self->log_size;
        delete $self->{status};
        unlink "$self->{root}/run/httpd.pid";
        $self->{pid} = $self->spawn('-DFOREGROUND');
        return 1 if $self->wait_until_up;
        $self->stop;
        my $text = $self->error_log($from)
            . slurp("$self->{root}/logs/output");
        return 0 if $text !~ /Address already in use/;
        sleep 1;
        unlink "$self->{root}/logs/output";
    }
    return 0;
}

sub kill_parent
{
    my ($self) = @_;
    my $pid = $self->{pid} or return;
    kill STOP => $pid;    # it starts no more children
    my @children = $self->children;
    kill KILL => $pid;
    waitpid $pid, 0;
    delete $self->{pid};
    kill KILL => @children;
    $self->wait_for(sub { !grep { -e "/proc/$_" && parent_of($_) } @children });
    return;
}

sub wait_until_up
{
    my ($self) = @_;
    my $until = time + $self->{deadline};
    while (time < $until) {
        return 0 if !$self->is_alive;
        my $sock = IO::Socket::INET->new(
            PeerAddr => '127.0.0.1', PeerPort => $self->{ports}{''},
            Timeout => 2);
        # another process that took the port has not written our pid file
        if ($sock && -s "$self->{root}/run/httpd.pid") {
            print {$sock} "OPTIONS * HTTP/1.0\r\n\r\n";
            my $in = '';
            vec($in, fileno $sock, 1) = 1;
            if (select($in, undef, undef, 2)) {
                sysread $sock, my $line, 12;
                return 1 if defined $line && $line =~ m{^HTTP/1};
            }
        }
        sleep 0.05;
    }
    return 0;
}

sub config_test
{
    my ($class, $conf, %opt) = @_;
    my $self = $class->new(%opt, conf => $conf);
    $self->{quiet} = 1;
    $self->write_conf;
    my $pid = $self->spawn('-t', @{$opt{arguments} || []});
    waitpid $pid, 0;
    my $ok = $? == 0 ? 1 : 0;
    my $text = $self->all_output;
    return ($ok, $text);
}

sub inspect
{
    my ($self) = @_;
    my $inspect = builddir() . '/t/inspect/inspect';
    my $text = `'$inspect' $self->{pid} 2>&1`;
    return if $? >> 8 == 77;
    return '' if $? == 0 && $text;
    return $text || "inspect ended with $?";
}

sub faults
{
    my ($self) = @_;
    my $faults;
    $self->wait_for(sub { !($faults = $self->inspect) });
    return $faults;
}

sub is_alive
{
    my ($self) = @_;
    my $pid = $self->{pid} or return 0;
    if (waitpid($pid, POSIX::WNOHANG()) == $pid) {
        $self->{status} = $?;
        delete $self->{pid};
        return 0;
    }
    return 1;
}

sub pid { return $_[0]{pid} }
sub root { return $_[0]{root} }
sub docroot { return "$_[0]{root}/htdocs" }
sub cert { return "$_[0]{root}/cert.pem" }
sub port { return $_[0]{ports}{''} }
sub ssl_port { return $_[0]{ports}{ssl} }
sub port_of { return $_[0]{ports}{$_[1]} }

sub url
{
    my ($self, $path) = @_;
    my $base = over_tls() ? 'https://localhost' : 'http://127.0.0.1';
    return "$base:$self->{ports}{''}" . ($path || '/');
}

sub ssl_url
{
    my ($self, $path) = @_;
    return "https://localhost:$self->{ports}{ssl}" . ($path || '/');
}

sub parent_of
{
    my ($pid) = @_;
    # after the name, which may hold blanks and parentheses: state, parent
    return slurp("/proc/$pid/stat") =~ /\) ([A-Z]) (\d+)/ && $1 ne 'Z'
        ? $2 : 0;
}

sub children
{
    my ($self) = @_;
    my $parent = $self->{pid} or return;
    opendir my $dir, '/proc' or die "/proc: $!";
    my @pids = grep { /^\d+$/ } readdir $dir;
    my @found = grep { parent_of($_) == $parent } @pids;
    @found = sort { $a <=> $b } @found;
    return @found;
}

sub threads
{
    my ($self, $pid) = @_;
    return slurp("/proc/$pid/status") =~ /^Threads:\s+(\d+)/m ? $1 : 0;
}

sub kill_child
{
    my ($self, $pid) = @_;
    my $count = () = $self->children;
    kill KILL => $pid;
    return $self->wait_for(
        sub {
            my @now = $self->children;
            return @now >= $count && !grep { $_ == $pid } @now;
        });
}

sub wait_for
{
    my ($self, $condition, $seconds) = @_;
    my $until = time + ($seconds || 30);
    until ($condition->()) {
        return 0 if time >= $until;
        sleep 0.02;
    }
    return 1;
}

# True if all threads of all children sleep.
sub is_idle
{
    my ($self) = @_;
    for my $child ($self->children) {
        for my $stat (glob "/proc/$child/task/*/stat") {
            return 0 if slurp($stat) =~ /\) ([A-Z]) / && $1 ne 'S';
        }
    }
    return 1;
}

# At restart and stop httpd's event MPM closes the sockets of its workers, and
# crashes if a worker is just closing its own (without the module, too: see
# bench/bare.sh). So busy workers may finish first; those that wait do not
# matter.
sub wait_until_idle
{
    my ($self) = @_;
    my $idle = 0;
    return $self->wait_for(
        sub { $idle = $self->is_idle ? $idle + 1 : 0; return $idle > 2 },
        2);
}

sub generation
{
    my ($self, $signal, %opt) = @_;
    my $from = $self->log_size;
    my %old = map { $_ => 1 } $self->children;
    $self->wait_until_idle if $signal eq 'HUP';
    kill $signal => $self->{pid};
    return 1 if exists $opt{wait} && !$opt{wait};
    return $self->wait_for(sub {
        return $self->error_log($from) =~ /resuming normal operations/
            && !($opt{all} && grep { $old{$_} } $self->children);
    });
}

sub graceful { return generation(shift, 'USR1', @_) }
sub restart { return generation(shift, 'HUP', @_) }

sub end_with
{
    my ($self, $signal, $seconds) = @_;
    my $pid = $self->{pid} or return $self->{status};
    my @children = $self->children;
    kill $signal => $pid;
    return $self->{status}
        if $self->wait_for(sub { !$self->is_alive }, $seconds);
    kill KILL => $pid, @children;
    waitpid $pid, 0;
    delete $self->{pid};
    return;
}

sub stop
{
    my ($self) = @_;
    $self->wait_until_idle if $self->{pid};
    return end_with($self, 'TERM', 60);
}

sub graceful_stop { return end_with($_[0], 'WINCH', 60) }

sub log_size
{
    my ($self) = @_;
    return -s "$self->{root}/logs/error_log" || 0;
}

sub error_log
{
    my ($self, $from) = @_;
    return slurp("$self->{root}/logs/error_log", $from);
}

sub access_log
{
    my ($self) = @_;
    return join '', grep { !/"OPTIONS \* HTTP/ }
        split /^/, slurp("$self->{root}/logs/access_log");
}

# The error log, and the output of httpd before it had one.
sub all_output
{
    my ($self) = @_;
    return slurp("$self->{root}/logs/output") . $self->error_log;
}

# Ends httpd, prints its log if the test failed, and removes its folder.
sub at_end
{
    my ($self, $died) = @_;
    $self->stop;
    my $text = $self->all_output;
    my $failed = $died || !Test::More->builder->is_passing;
    if ($failed && !$self->{quiet}) {
        my @lines = split /\n/, $text;
        splice @lines, 0, -60 if @lines > 60;
        Test::More::diag(join "\n", 'error log:', @lines);
    }
    # A test whose clients keep workers would show nothing of detached ones;
    # two reasons are of the test's own making.
    my ($why) = grep { !/DetachTLS is off|end of the connection has begun/ }
        over_tls() && !$self->{ssl} ? $text =~ /ES0405: ([^\n]*)/g : ();
    Test::More::fail("clients over TLS are detached: $why") if $why;
    # A report of a sanitizer fails the test, whichever process it is from.
    if ($text =~ /(ERROR: AddressSanitizer[^\n]*|runtime error:[^\n]*)/) {
        Test::More::fail("no sanitizer report: $1");
        Test::More::diag($text);
    }
    File::Path::remove_tree($self->{root}, {error => \my $ignored});
    return;
}

1;
