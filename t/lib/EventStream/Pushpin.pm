# SPDX-License-Identifier: Apache-2.0
package EventStream::Pushpin;

=head1 NAME

EventStream::Pushpin - a Pushpin for one test, in front of an httpd

=head1 SYNOPSIS

    use EventStream::Pushpin;

    EventStream::Pushpin->or_skip;      # skip_all where there is none
    my $httpd = EventStream::Httpd->start(conf => <<'CONF');
    EventStreamGrip "http://127.0.0.1:@PORT:push@" verify-key=changeme
    CONF
    my $pushpin = EventStream::Pushpin->start(
        origin => $httpd->port, control => $httpd->port_of('push'));

    my $sse = subscribe($pushpin, '/events');   # as with an httpd
    $pushpin->publish('events-news', "data: hello\n\n");

It is Debian's (pushpin, condure, zurl). It runs in a temporary folder with its
own sockets and listens on 127.0.0.1 only. The system's service is not touched.

=head1 CLASS METHODS

=over

=item or_skip

Skips the test where Pushpin is not installed; in CI it fails instead.

=item start(%options)

Starts it and returns when it answers. Options:

    origin  => 8080      port of the httpd behind it; or
    routes  => '...'     the text of its file of routes
    control => 5561      the port where it accepts items; preset a free one
    iss, key             its requests are signed with them; preset pushpin and
                         changeme; a key "file:k.pem" may come from files
    files   => {'k.pem' => '...'} in the folder of its configuration
    proxy   => {name => value}, handler => {...} settings that differ from
                         conf/pushpin/pushpin.conf

=item sign($key, %claims)

A Grip-Sig of HS256 as Pushpin makes it, for requests that do not go through
Pushpin; iss and an exp in an hour are preset.

=back

=head1 METHODS

=over

=item port, control, url($path), control_url

=item publish($channel, $content, %more)

Publishes one item of the format http-stream, as @fanoutio/grip does. %more are
further fields, such as id and 'prev-id'. Returns what
EventStream::Client::request does.

=item stop, restart

restart listens on the same ports.

=item log

The text of all its logs.

=back

=cut

use strict;
use warnings;

use Cwd ();
use Digest::SHA ();
use File::Basename ();
use File::Path ();
use File::Temp ();
use IO::Socket::INET;
use JSON::PP ();
use MIME::Base64 ();
use POSIX ();
use Test::More ();
use Time::HiRes qw(sleep time);

use EventStream::Client ();
use EventStream::Ports;
use EventStream::Process qw(spawn spew);

our @ISA = ('EventStream::Process');

my $conf = Cwd::abs_path(File::Basename::dirname(__FILE__))
    . '/../../../conf/pushpin';

# The PATH of a test may be without these; pushpin looks there for its services.
my $path = "$ENV{PATH}:/usr/sbin:/usr/bin";

sub missing
{
    return grep {
        my $name = $_;
        !grep { -x "$_/$name" } split /:/, $path
    } qw(pushpin condure zurl);
}

sub or_skip
{
    my @missing = missing() or return;
    die "CI must run the tests with Pushpin; not installed: @missing\n"
        if ($ENV{CI} || '') eq 'true';
    Test::More::plan(skip_all => "not installed: @missing");
}

sub sign
{
    my ($class, $key, %claims) = @_;
    my %all = (iss => 'pushpin', exp => int(time) + 3600, %claims);
    my $text = join '.', map {
        MIME::Base64::encode_base64url(JSON::PP->new->canonical->encode($_))
    } {alg => 'HS256', typ => 'JWT'}, \%all;
    return "$text." . MIME::Base64::encode_base64url(
        Digest::SHA::hmac_sha256($text, $key));
}

sub slurp
{
    my ($file) = @_;
    open my $in, '<', $file or die "$file: $!";
    local $/;
    return scalar <$in>;
}

# conf/pushpin/pushpin.conf with other values. Debian's zurl is a separate
# service with its own sockets, so those of ours are named. Where it usually
# listens on TCP, it has a socket in the folder here.
sub write_conf
{
    my ($self) = @_;
    my $root = $self->{root};
    my $ipc = 'ipc://{rundir}/{ipc_prefix}';
    my %value = (
        rundir => "$root/run", ipc_prefix => 'p-', logdir => "$root/log",
        services => 'condure,zurl,pushpin-proxy,pushpin-handler',
        http_port => "127.0.0.1:$self->{port}", client_maxconn => 2000,
        debug => 'true', sig_iss => $self->{iss}, sig_key => $self->{key},
        zurl_out_specs => "${ipc}zurl-in",
        zurl_out_stream_specs => "${ipc}zurl-in-stream",
        zurl_in_specs => "${ipc}zurl-out",
        push_in_spec => "${ipc}push-in", command_spec => "${ipc}command",
        push_in_sub_specs => "${ipc}push-in-sub",
        push_in_http_port => $self->{control},
        %{$self->{proxy} || {}}, %{$self->{handler} || {}});
    my $text = slurp("$conf/pushpin.conf");
    for my $name (sort keys %value) {
        $text =~ s/^\Q$name\E=.*/$name=$value{$name}/m
            or die "pushpin.conf has no $name\n";
    }
    spew("$root/pushpin.conf", $text);
    my $ready = $self->{ready}->sockport;
    spew("$root/routes", "*,path_beg=/is-it-up 127.0.0.1:$ready\n"
        . ($self->{routes} || "* 127.0.0.1:$self->{origin}\n"));
    for my $name (keys %{$self->{files} || {}}) {
        spew("$root/$name", $self->{files}{$name});
    }
    return;
}

sub answers
{
    my ($self) = @_;
    for my $port (@$self{qw(port control)}) {
        return if !IO::Socket::INET->new(
            PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 2);
    }
    my $got = EventStream::Client::request($self->{control}, 'GET', '/');
    return if $got->{body} !~ /Pushpin API/;
    my $held = EventStream::Client::subscribe($self->{port}, '/is-it-up',
        timeout => 1);
    return ($held->status || 0) == 200;
}

# Pushpin's services connect to each other one by one, and lose what arrives
# before. So it is up once it holds a request; this is the origin of that one.
sub serve_ready
{
    my ($self) = @_;
    my $pid = fork;
    die "fork: $!" if !defined $pid;
    return $pid if $pid != 0;
    $SIG{$_} = 'DEFAULT' for qw(TERM INT HUP);
    while (my $socket = $self->{ready}->accept) {
        sysread $socket, my $request, 8192;
        syswrite $socket, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
            . "Grip-Hold: stream\r\nGrip-Channel: is-it-up\r\n"
            . "Connection: close\r\nContent-Length: 3\r\n\r\nup\n";
    }
    POSIX::_exit(0);
}

sub run
{
    my ($self) = @_;
    my $until = time + 30;
    my $origin = $self->serve_ready;
    $self->{pid} = spawn(
        command => ['pushpin', "--config=$self->{root}/pushpin.conf"],
        log => "$self->{root}/log/output", env => {PATH => $path});
    while (!$self->answers) {
        if (waitpid($self->{pid}, POSIX::WNOHANG) != 0 || time > $until) {
            my $log = $self->log;
            kill 'KILL', $origin;
            $self->stop;
            die "Pushpin does not answer:\n$log\n";
        }
        sleep 0.05;
    }
    kill 'KILL', $origin;
    waitpid $origin, 0;
    return;
}

sub start
{
    my ($class, %opt) = @_;
    my $self = bless {iss => 'pushpin', key => 'changeme', %opt}, $class;
    $self->owned;
    $self->{root} = File::Temp::tempdir('es-pp-XXXXXX', TMPDIR => 1);
    mkdir "$self->{root}/$_" for qw(run log);
    $self->{ready} = IO::Socket::INET->new(
        Listen => 5, LocalAddr => '127.0.0.1') or die "no free port: $!";
    $self->{port} = free_port();
    $self->{control} ||= free_port();
    $self->write_conf;
    $self->run;
    return $self;
}

sub restart
{
    my ($self) = @_;
    $self->stop;
    $self->run;
    return;
}

sub port { return $_[0]{port} }
sub control { return $_[0]{control} }
sub url { return "http://127.0.0.1:$_[0]{port}" . ($_[1] || '/') }
sub control_url { return "http://127.0.0.1:$_[0]{control}" }

sub publish
{
    my ($self, $channel, $content, %more) = @_;
    my $item = {
        channel => $channel, formats => {
            'http-stream' => {content => $content}}, %more};
    return EventStream::Client::request($self->{control}, 'POST', '/publish/',
        headers => ['Content-Type: application/json'],
        body => JSON::PP->new->utf8->encode({items => [$item]}));
}

sub log
{
    my ($self) = @_;
    my $text = '';
    for my $file (glob "$self->{root}/log/*") {
        open my $in, '<', $file or next;
        local $/;
        my $part = <$in>;
        $text .= "$file:\n" . (defined $part ? $part : '');
    }
    return $text;
}

sub children_of
{
    my ($pid) = @_;
    open my $in, '<', "/proc/$pid/task/$pid/children" or return;
    my $line = <$in>;
    return split ' ', defined $line ? $line : '';
}

# Pushpin ends its services; if it does not, they are killed.
sub stop
{
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;
    my @services = children_of($pid);
    my $until = time + 10;
    kill 'TERM', $pid;
    while (waitpid($pid, POSIX::WNOHANG) == 0) {
        if (time > $until) {
            kill 'KILL', $pid, @services;
            waitpid $pid, 0;
            last;
        }
        sleep 0.02;
    }
    return;
}

sub at_end
{
    my ($self) = @_;
    $self->stop;
    if (!Test::More->builder->is_passing && $self->{root}) {
        Test::More::diag($self->log);
    }
    File::Path::remove_tree($self->{root}) if $self->{root};
    delete $self->{root};
    return;
}

1;
