# SPDX-License-Identifier: Apache-2.0
package EventStream::Redis;

=head1 NAME

EventStream::Redis - a broker (Redis or Valkey) for one test

=head1 SYNOPSIS

    use EventStream::Redis;

    EventStream::Redis->or_skip;        # skip_all where there is none
    my $redis = EventStream::Redis->start(password => 'secret');
    my $httpd = EventStream::Httpd->start(
        conf => 'EventStreamCluster ' . $redis->url);
    is $redis->command('XLEN', '{eventstream:default}:events'), 1, '...';

    my $replica = EventStream::Redis->start(replica_of => $redis);
    $redis->wait_for_replicas(1);
    $redis->suspend;                    # SIGSTOP: it hangs
    $redis->resume;
    $redis->kill;                       # as a crash
    $redis->run;                        # the same port and files

It is Debian's redis-server in a temporary folder, on 127.0.0.1. The program is
in the package redis-tools, too, under another name, so that package is enough;
it starts no service. Whatever happens to the test, the server ends: at its end,
by a signal, or with its process (setpriv). For sentinels see
EventStream::Sentinels. The variable ES_BROKER names another server program,
such as /usr/bin/valkey-server.

=head1 CLASS METHODS

=over

=item or_skip

Skips the test where no broker is installed; in CI it fails instead.

=item is_installed

=item start(%options)

Starts it and returns when it answers. Options:

    password   => 'secret'      requirepass, and masterauth
    user       => 'app'         this user with the password, who may do all
    append     => 1             an append-only file that is written at each
                                command: nothing is lost by kill
    replica_of => $other        another object
    tls        => 1             a second port for TLS, see tls_url; a replica
                                that has one, too, replicates over TLS
    tls_clients => 'yes'        whether clients of that port need a certificate
                                (tls-auth-clients; preset: optional)
    names      => '...'         of its certificate; preset:
                                DNS:localhost,IP:127.0.0.1
    at         => $host         in a host of EventStream::Network
    conf       => {name => value}   further settings, such as maxmemory

Without append nothing is kept over kill and run.

=back

=head1 METHODS

=over

=item port, tls_port, host, url($db), tls_url($db), unix_url($db), address

url has user and password. address is "127.0.0.1:port", or that of the host.

=item ca_file, key_file

ca_file has signed the certificate of the port for TLS: it is this certificate,
and key_file has its key. A replica has those of its primary.

=item command(@words)

Runs a command; returns a string or number, a reference to a list, or undef for
nil. Dies with the broker's text if it returns an error or does not answer
within 30 s.

=item error_of(@words)

The text of the error that a command returns; '' if it returns none.

=item info($field)

A field of INFO, such as run_id.

=item set($name, $value)

CONFIG SET.

=item suspend, resume, kill, stop, run, restart

SIGSTOP, SIGCONT, SIGKILL; a regular end; a start with the same port and folder;
stop and run. run(may_load => 1) returns although it still loads its data.

=item wait_for(\&condition, $seconds)

Whether it becomes true within so many seconds (preset: 60).

=item wait_for_replicas($count)

Dies unless so many replicas are in step within 60 s.

=item is_alive, pid, root, log

=back

=cut

use strict;
use warnings;

use File::Path ();
use File::Temp ();
use IO::Select ();
use IO::Socket::INET;
use Test::More ();
use Time::HiRes qw(sleep time);

use EventStream::Ports;
use EventStream::Process qw(spawn spew);

our @ISA = ('EventStream::Process');

$SIG{PIPE} = 'IGNORE';

# The PATH of a test may be without these.
my @path = split /:/, "$ENV{PATH}:/usr/local/bin:/usr/sbin:/usr/bin";

# ---- The program -----------------------------------------------------------

# Debian's redis-server is a link to redis-check-rdb of redis-tools, which looks
# at the name that it is called by.
sub program
{
    return $ENV{ES_BROKER} if $ENV{ES_BROKER};
    for my $name (qw(redis-server valkey-server redis-check-rdb)) {
        for my $dir (@path) {
            return "$dir/$name" if -x "$dir/$name";
        }
    }
    return;
}

sub is_installed { return defined program() }

sub or_skip
{
    return if is_installed();
    die "CI must run the tests with Redis; not installed: redis-server\n"
        if ($ENV{CI} || '') eq 'true';
    Test::More::plan(skip_all => 'not installed: redis-server');
}

# ---- Starting --------------------------------------------------------------

sub make_certificate
{
    my ($self) = @_;
    my $root = $self->{root};
    my $names = $self->{names} || 'DNS:localhost,IP:127.0.0.1';
    my $out = `openssl req -x509 -newkey rsa:2048 -nodes -days 2 \\
        -subj /CN=localhost -addext subjectAltName=$names \\
        -keyout '$root/key.pem' -out '$root/cert.pem' 2>&1`;
    die "openssl: $out" if $? != 0;
    return;
}

sub quoted
{
    my ($text) = @_;
    return '"' . ($text =~ s/(["\\])/\\$1/gr) . '"';
}

# Peers know each other by the certificate of the primary; what a sentinel shows
# to its own clients may be another one.
sub tls_settings
{
    my ($self) = @_;
    return if !$self->{tls};
    my $peer = $self->{peer} || $self;
    return (['tls-port' => $self->{tls_port}],
        ['tls-cert-file' => $self->ca_file],
        ['tls-key-file' => $self->key_file],
        ['tls-client-cert-file' => $peer->ca_file],
        ['tls-client-key-file' => $peer->key_file],
        ['tls-ca-cert-file' => $peer->ca_file],
        ['tls-auth-clients' => $self->{tls_clients} || 'optional'],
        ['tls-replication' => 'yes']);
}

# [name, value] of each setting; a later one wins
sub settings
{
    my ($self) = @_;
    my $root = $self->{root};
    my @all = (
        [bind => $self->host], [port => $self->{port}], [daemonize => 'no'],
        ['protected-mode' => 'no'],
        [dir => $root], [logfile => "$root/log"], [save => '""'],
        [unixsocket => "$root/socket"],
        # a test is not to wait for the copy of a small data set
        ['repl-diskless-sync' => 'yes'], ['repl-diskless-sync-delay' => 0],
        ['repl-ping-replica-period' => 1],
        # files of the log are not to be rewritten within a test
        ['auto-aof-rewrite-percentage' => 0]);
    push @all, [appendonly => 'yes'], [appendfsync => 'always']
        if $self->{append};
    if (defined $self->{password}) {
        my $password = quoted($self->{password});
        push @all, [requirepass => $password], [masterauth => $password];
    }
    push @all, [user => "$self->{user} on " . quoted(">$self->{password}")
            . ' ~* &* +@all'] if defined $self->{user};
    push @all, [replicaof => join ' ', $self->{replica_of}->host,
        $self->{tls} ? $self->{replica_of}->tls_port : $self->{replica_of}->port
    ] if $self->{replica_of};
    push @all, $self->tls_settings;
    my $conf = $self->{conf} || {};
    return @all, map { [$_ => $conf->{$_}] } sort keys %$conf;
}

sub new
{
    my ($class, %opt) = @_;
    my $self = bless {%opt}, $class;
    $self->owned;
    $self->{root} = File::Temp::tempdir('es-rd-XXXXXX', TMPDIR => 1);
    # by this name it is a server, whatever its file is called
    symlink program(), "$self->{root}/redis-server" or die "symlink: $!";
    return $self;
}

sub start
{
    my ($class, %opt) = @_;
    my $self = $class->new(%opt);
    if ($self->{replica_of}) {
        my $primary = $self->{replica_of};
        defined $self->{$_} or $self->{$_} = $primary->{$_}
            for qw(password user tls_clients);
        $self->{certificate} = $primary->certificate if $self->{tls};
    }
    $self->make_certificate if $self->{tls} && !$self->{certificate};
    for my $try (1 .. 5) {
        $self->{port} = free_port();
        $self->{tls_port} = free_port() if $self->{tls};
        spew("$self->{root}/conf",
            join '', map { "$_->[0] $_->[1]\n" } $self->settings);
        return $self if eval { $self->run; 1 };
        die $@ if $try == 5 || $self->log !~ /Address already in use/;
    }
    return;
}

sub arguments { return ("$_[0]{root}/conf") }

# Up, also if it is a replica whose primary is down.
sub answers
{
    my ($self, $may_load) = @_;
    my $answer = eval { $self->command('PING') };
    return 1 if defined $answer;
    return $@ =~ /^MASTERDOWN/ || $may_load && $@ =~ /^LOADING/;
}

sub run
{
    my ($self, %opt) = @_;
    die "it runs already\n" if $self->is_alive;
    my @command = ("$self->{root}/redis-server", $self->arguments);
    @command = $self->{at}->in(@command) if $self->{at};
    $self->{pid} = spawn(
        command => \@command, log => "$self->{root}/output");
    my $until = time + 60;
    while (!$self->answers($opt{may_load})) {
        if (!$self->is_alive || time > $until) {
            my $log = $self->log;
            $self->kill if $self->is_alive;
            die "the broker does not answer:\n$log\n";
        }
        sleep 0.02;
    }
    return;
}

# ---- What a test asks for --------------------------------------------------

sub port { return $_[0]{port} }
sub tls_port { return $_[0]{tls_port} }
sub root { return $_[0]{root} }
sub host { return $_[0]{at} ? $_[0]{at}->address : '127.0.0.1' }
sub address { return $_[0]->host . ":$_[0]{port}" }
sub certificate { return $_[0]{certificate} || $_[0] }
sub ca_file { return $_[0]->certificate->{root} . '/cert.pem' }
sub key_file { return $_[0]->certificate->{root} . '/key.pem' }

# A password may have any characters.
sub login
{
    my ($self) = @_;
    return '' if !defined $self->{password};
    my ($user, $password) = map { s/([^\w.-])/sprintf '%%%02X', ord $1/ger }
        defined $self->{user} ? $self->{user} : '', $self->{password};
    return "$user:$password@";
}

sub with_db
{
    my ($url, $db, $before) = @_;
    return defined $db ? "$url$before$db" : $url;
}

sub url
{
    my ($self, $db) = @_;
    return with_db('redis://' . $self->login . $self->address, $db, '/');
}

sub tls_url
{
    my ($self, $db) = @_;
    return with_db('rediss://' . $self->login . "localhost:$self->{tls_port}",
        $db, '/');
}

sub unix_url
{
    my ($self, $db) = @_;
    return with_db('redis+unix://' . $self->login . "$self->{root}/socket", $db,
        '?db=');
}

# ---- Commands --------------------------------------------------------------

sub connect_to
{
    my ($self) = @_;
    $self->{socket} = IO::Socket::INET->new(
        PeerAddr => $self->host, PeerPort => $self->{port}, Timeout => 5)
        or die "no connection to the broker: $!\n";
    $self->{rest} = '';
    return if !defined $self->{password};
    $self->send_words('AUTH', defined $self->{user} ? $self->{user} : 'default',
        $self->{password});
    my ($value, $error) = $self->read_reply(time + 30);
    die "$error\n" if defined $error;
    return;
}

sub send_words
{
    my ($self, @words) = @_;
    my $bytes = '*' . @words . "\r\n";
    for my $word (@words) {
        utf8::encode($word) if utf8::is_utf8($word);
        $bytes .= '$' . length($word) . "\r\n$word\r\n";
    }
    while (length $bytes) {
        my $done = syswrite $self->{socket}, $bytes;
        die "no connection to the broker: $!\n" if !$done;
        substr $bytes, 0, $done, '';
    }
    return;
}

sub read_more
{
    my ($self, $until) = @_;
    my $select = IO::Select->new($self->{socket});
    my $left = $until - time;
    die "the broker does not answer\n"
        if $left <= 0 || !$select->can_read($left);
    my $done = sysread $self->{socket}, $self->{rest}, 65536,
        length $self->{rest};
    die "the broker has closed the connection\n" if !$done;
    return;
}

sub read_line
{
    my ($self, $until) = @_;
    $self->read_more($until) while $self->{rest} !~ /\r\n/;
    $self->{rest} =~ s/\A(.*?)\r\n//s;
    return $1;
}

# (value, error); errors within a list are strings in it
sub read_reply
{
    my ($self, $until) = @_;
    my ($type, $text) = $self->read_line($until) =~ /\A(.)(.*)\z/s;
    return ($text) if $type eq '+' || $type eq ':';
    return (undef, $text) if $type eq '-';
    return (undef) if $text < 0;
    if ($type eq '$') {
        $self->read_more($until) while length $self->{rest} < $text + 2;
        my $value = substr $self->{rest}, 0, $text;
        substr $self->{rest}, 0, $text + 2, '';
        return ($value);
    }
    die "the broker sends '$type'\n" if $type ne '*';
    my @list;
    for (1 .. $text) {
        my ($value, $error) = $self->read_reply($until);
        push @list, defined $error ? $error : $value;
    }
    return (\@list);
}

# A connection that broke since the last command, as by a restart, is made
# again; a command is sent once.
sub ask
{
    my ($self, @words) = @_;
    my $socket = $self->{socket};
    if ($socket && IO::Select->new($socket)->can_read(0)) {
        close $socket;    # nothing is expected, so this is its end
        undef $self->{socket};
    }
    my @got = eval {
        $self->connect_to if !$self->{socket};
        $self->send_words(@words);
        $self->read_reply(time + 30);
    };
    return @got if !$@;
    my $why = $@;
    close $self->{socket} if $self->{socket};
    undef $self->{socket};
    die $why;
}

sub command
{
    my ($self, @words) = @_;
    my ($value, $error) = $self->ask(@words);
    die "$error\n" if defined $error;
    return $value;
}

sub error_of
{
    my ($self, @words) = @_;
    my ($value, $error) = $self->ask(@words);
    return defined $error ? $error : '';
}

sub info
{
    my ($self, $field) = @_;
    my ($value) = $self->command('INFO') =~ /^\Q$field\E:(.*?)\r?$/m;
    return $value;
}

sub set
{
    my ($self, $name, $value) = @_;
    $self->command('CONFIG', 'SET', $name, $value);
    return;
}

# ---- Life and death --------------------------------------------------------

sub wait_for
{
    my ($self, $condition, $seconds) = @_;
    my $until = time + ($seconds || 60);
    until ($condition->()) {
        return 0 if time >= $until;
        sleep 0.02;
    }
    return 1;
}

sub wait_for_replicas
{
    my ($self, $count) = @_;
    $self->wait_for(sub {
        my $info = $self->command('INFO', 'replication');
        my ($end) = $info =~ /^master_repl_offset:(\d+)/m;
        my @in_step = grep { $_ == $end }
            $info =~ /^slave\d+:.*state=online,offset=(\d+)/mg;
        return @in_step >= $count;
    }, 60) or die "the replicas are not in step\n";
    return;
}

# Data that were not kept before are not kept now, either.
sub stop
{
    my ($self) = @_;
    my $pid = $self->{pid} or return;
    CORE::kill('CONT', $pid);
    CORE::kill('TERM', $pid);
    return if $self->wait_for(sub { !$self->is_alive }, 20);
    $self->kill;
    return;
}

sub restart
{
    my ($self) = @_;
    $self->stop;
    $self->run;
    return;
}

sub log
{
    my ($self) = @_;
    my $text = '';
    for my $file (grep { -f } map { "$self->{root}/$_" } qw(output log)) {
        open my $in, '<', $file or next;
        local $/;
        my $part = <$in>;
        $text .= $part if defined $part;
    }
    return $text;
}

sub at_end
{
    my ($self) = @_;
    $self->kill;
    if (!Test::More->builder->is_passing && $self->{root}) {
        my @lines = split /\n/, $self->log;
        splice @lines, 0, @lines - 12 if @lines > 12;
        Test::More::diag(join "\n", "the broker's log:", @lines);
    }
    File::Path::remove_tree($self->{root}) if $self->{root};
    delete $self->{root};
    return;
}

1;
