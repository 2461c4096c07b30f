# SPDX-License-Identifier: Apache-2.0
package EventStream::FakeProxy;

=head1 NAME

EventStream::FakeProxy - the part of a GRIP proxy that a publisher sees

=head1 SYNOPSIS

    use EventStream::FakeProxy;

    my $proxy = EventStream::FakeProxy->start;
    my $httpd = EventStream::Httpd->start(conf =>
        'EventStreamGrip ' . $proxy->url . "\n...");

    publish($httpd, 'news', 'hello');
    my ($item) = $proxy->items;         # decoded, in the order of arrival
    $proxy->mode('status 500');         # from now on

A process that listens on 127.0.0.1, accepts posts and logs them for the test.
It serves several connections at once and closes each after its answer, as
Pushpin does.

=head1 METHODS

=over

=item start(%options)

Options: mode => as below; keep => 1: connections stay open after an answer.

=item mode($mode)

    ok              200, as Pushpin answers
    slow 300        the same, after this many milliseconds
    status 401      this status; 3xx has a Location /elsewhere
    reject word     400 if the word is in the body, else 200
    large           200 with a body of 1 MB
    silent          reads the request and never answers
    drop            closes the connection when it has read the request
    refuse          closes the connection at once

=item port, url

url is http://127.0.0.1:port

=item requests

The requests that were read, with those of modes that reject: method, path,
headers (names in lower case), body, connection (its number), status (0 if there
was no answer), others (how many other requests were under way).

=item items

The items of all requests that were answered with 200.

=item sender_of($httpd)

The pid of the child of this httpd that has a connection to it; undef if none
has.

=item drop_waiting

Closes the connections whose requests wait for an answer (mode silent).

=item clear

Empties the log of requests.

=item stop, restart

restart listens on the same port.

=back

=cut

use strict;
use warnings;

use File::Temp ();
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use Time::HiRes qw(sleep time);

use EventStream::Ports;
use EventStream::Process qw(in_child);

our @ISA = ('EventStream::Process');

sub start
{
    my ($class, %opt) = @_;
    my $self = bless {mode => 'ok', port => free_port(), %opt}, $class;
    $self->owned;
    $self->{root} = File::Temp::tempdir('es-fp-XXXXXX', TMPDIR => 1,
        CLEANUP => 1);
    $self->mode($self->{mode});
    $self->run;
    return $self;
}

sub mode
{
    my ($self, $mode) = @_;
    open my $out, '>', "$self->{root}/mode.new" or die $!;
    print {$out} $mode;
    close $out or die $!;
    rename "$self->{root}/mode.new", "$self->{root}/mode" or die $!;
    return;
}

sub port { return $_[0]{port} }
sub url { return "http://127.0.0.1:$_[0]{port}" }

sub run
{
    my ($self) = @_;
    my $listener = IO::Socket::INET->new(
        Listen => 64, LocalAddr => '127.0.0.1', ReuseAddr => 1,
        LocalPort => $self->{port}) or die "listen: $!";
    $self->{pid} = in_child(sub {
        $self->serve($listener);
    });
    return;
}

sub restart
{
    my ($self) = @_;
    $self->stop;
    $self->run;
    return;
}

# ---- The process ------------------------------------------------------------

sub mode_now
{
    my ($self) = @_;
    open my $in, '<', "$self->{root}/mode" or return ('ok');
    return split ' ', <$in>;
}

sub serve
{
    my ($self, $listener) = @_;
    my $select = IO::Select->new($listener);
    my (%peers, $count);
    open my $log, '>>', "$self->{root}/requests" or die $!;
    $log->autoflush(1);
    for (;;) {
        for my $fh ($select->can_read(0.01)) {
            if ($fh == $listener) {
                my $peer = $listener->accept or next;
                if (($self->mode_now)[0] eq 'refuse') {
                    close $peer;
                    next;
                }
                $select->add($peer);
                $peers{$peer} = {fh => $peer, in => '', number => ++$count};
                next;
            }
            my $peer = $peers{$fh};
            my $got = sysread $fh, $peer->{in}, 65536, length $peer->{in};
            if (!$got) {
                $select->remove($fh);
                delete $peers{$fh};
                close $fh;
            }
        }
        my $drops = unlink "$self->{root}/drop-waiting";
        for my $peer (values %peers) {
            if ($drops && $peer->{due} && !$peer->{answer}[1]) {
                $peer->{due} = 1;    # has no answer, so it is closed
            }
            if (!$peer->{due}) {
                my $request = take_request($peer) or next;
                $self->begin($peer, $request, \%peers, $log);
            }
            if ($peer->{due} && time >= $peer->{due}
                && !$self->answer($peer)) {
                $select->remove($peer->{fh});
                delete $peers{$peer->{fh}};
                close $peer->{fh};
            }
        }
    }
}

sub take_request
{
    my ($peer) = @_;
    my ($head, $body) = $peer->{in} =~ /\A(.*?\r\n)\r\n(.*)\z/s or return;
    my ($length) = $head =~ /^Content-Length: (\d+)\r$/mi;
    return if length $body < ($length || 0);
    $peer->{in} = substr $body, $length || 0;
    my ($line, @fields) = split /\r\n/, $head;
    my ($method, $path) = split ' ', $line;
    return {
        method => $method, path => $path, connection => $peer->{number},
        headers => {map { /^([^:]+):\s*(.*)$/ ? (lc $1 => $2) : () } @fields},
        body => substr $body, 0, $length || 0};
}

sub begin
{
    my ($self, $peer, $request, $peers, $log) = @_;
    my ($mode, $value) = $self->mode_now;
    $request->{others} = grep { $_ != $peer && $_->{due} } values %$peers;
    $request->{status} = $mode eq 'status' ? $value
        : $mode eq 'reject' ? ($request->{body} =~ /\Q$value/ ? 400 : 200)
        : $mode =~ /^(ok|slow|large)$/ ? 200 : 0;
    print {$log} JSON::PP->new->latin1->canonical->encode($request), "\n";
    $peer->{due} = time + ($mode eq 'slow' ? $value / 1000 : 0);
    $peer->{due} += 1e6 if $mode eq 'silent';
    $peer->{answer} = [$mode, $request->{status}];
    return;
}

# Returns true if the connection stays open.
sub answer
{
    my ($self, $peer) = @_;
    my ($mode, $status) = @{$peer->{answer}};
    delete $peer->{due};
    return 0 if !$status;
    my $text = $status == 200 ? "Published\n" : "No.\n";
    $text = 'x' x 1_000_000 if $mode eq 'large';
    my $keep = $self->{keep} ? 'keep-alive' : 'close';
    my $where = $status =~ /^3/ ? "Location: /elsewhere\r\n" : '';
    my $bytes = "HTTP/1.1 $status Answer\r\nContent-Type: text/plain\r\n"
        . "${where}Connection: $keep\r\nContent-Length: " . length($text)
        . "\r\n\r\n$text";
    while (length $bytes) {
        my $sent = syswrite $peer->{fh}, $bytes or return 0;
        substr $bytes, 0, $sent, '';
    }
    return $self->{keep};
}

# ---- The log of requests ----------------------------------------------------

sub requests
{
    my ($self) = @_;
    open my $in, '<', "$self->{root}/requests" or return;
    return map { JSON::PP->new->latin1->decode($_) } grep { /\n\z/ } <$in>;
}

sub items
{
    my ($self) = @_;
    return map { @{JSON::PP::decode_json($_->{body})->{items}} }
        grep { $_->{status} == 200 } $self->requests;
}

sub sender_of
{
    my ($self, $httpd) = @_;
    my %inode;
    my $remote = sprintf ':%04X', $self->{port};
    open my $tcp, '<', '/proc/net/tcp' or die "/proc/net/tcp: $!";
    while (<$tcp>) {
        my (undef, undef, $to, $state, @rest) = split;
        $inode{$rest[5]} = 1 if $to =~ /$remote$/ && $state eq '01';
    }
    for my $pid ($httpd->children) {
        return $pid if grep { (readlink || '') =~ /^socket:\[(\d+)\]/
            && $inode{$1} } glob "/proc/$pid/fd/*";
    }
    return;
}

sub drop_waiting
{
    my ($self) = @_;
    open my $out, '>', "$self->{root}/drop-waiting" or die $!;
    close $out;
    return;
}

sub clear
{
    my ($self) = @_;
    truncate "$self->{root}/requests", 0 or die $!;
    return;
}

1;
