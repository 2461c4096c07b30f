# SPDX-License-Identifier: Apache-2.0
package EventStream::Relay;

=head1 NAME

EventStream::Relay - what stands on the wire between clients and an httpd

=head1 SYNOPSIS

    use EventStream::Relay;

    my $relay = EventStream::Relay->start($httpd->ssl_port);
    my $client = subscribe($httpd, undef, tls => 1,
        url => $relay->url('/events/news'));
    ...
    my ($records) = $relay->records($keys);     # of the first connection

A process that passes connections on, and keeps a copy of what each side has
sent. Whoever closes its side is passed on, too.

=head1 METHODS

=over

=item start($port)

=item port, url($path)

url is https://localhost:port/...

=item connections

How many there were so far.

=item hold_from($pattern), release

hold_from: once a client sends what matches this, in one piece, nothing more is
passed on of the connections that there are, beginning with that; new ones are
served. release: all of it is, also if its sender has closed the connection
meanwhile. Both return when the relay knows of it.

=item sent($pattern)

How many connections there are whose clients have sent this; what is held does
not count yet.

=item records($key_log)

For each connection, in the order in which they came, the records of TLS that
the server has sent whole, as t/records/records finds them with the key log of
OpenSSL: a list of {number, type, length, nonce}. number is undef for a record
of the handshake; type is that of RFC 8446 5.1; nonce is an explicit one. A
connection whose handshake did not end has none.

=item stop

=back

=cut

use strict;
use warnings;

use File::Temp ();
use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw(sleep time);

use EventStream::Httpd;
use EventStream::Process qw(in_child);

our @ISA = ('EventStream::Process');

sub start
{
    my ($class, $port) = @_;
    my $self = bless {to => $port}, $class;
    $self->owned;
    $self->{root} = File::Temp::tempdir('es-relay-XXXXXX', TMPDIR => 1,
        CLEANUP => 1);
    my $listener = IO::Socket::INET->new(Listen => 64,
        LocalAddr => '127.0.0.1') or die "listen: $!";
    $self->{port} = $listener->sockport;
    $self->{pid} = in_child(sub {
        $self->serve($listener);
    });
    return $self;
}

sub port { return $_[0]{port} }
sub url { return "https://localhost:$_[0]{port}" . ($_[1] || '/') }

# ---- The process -------------------------------------------------------------

sub file_of
{
    my ($self, $number, $side) = @_;
    return "$self->{root}/$number.$side";
}

# One direction of a connection: from a socket to another, and into a file.
sub direction
{
    my ($self, $from, $to, $number, $side) = @_;
    open my $file, '>', $self->file_of($number, $side) or die $!;
    $file->autoflush(1);
    return {from => $from, to => $to, file => $file, waiting => '', open => 1,
        number => $number, is_client => $side eq 'client'};
}

sub accept_one
{
    my ($self, $listener, $ways) = @_;
    my $client = $listener->accept or return;
    my $server = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $self->{to}) or return;
    $_->blocking(0) for $client, $server;
    my $number = $self->{count}++;
    push @$ways, $self->direction($server, $client, $number, 'server'),
        $self->direction($client, $server, $number, 'client');
    return;
}

# The copy is written before the bytes go on: what the receiver has, it has.
sub take
{
    my ($self, $way) = @_;
    my $n = sysread $way->{from}, my $bytes, 65536;
    return if !defined $n && $!{EAGAIN};
    if (!$n) {
        $way->{open} = 0;
        return;
    }
    if ($way->{is_client} && defined $self->{hold_from}
        && $bytes =~ $self->{hold_from}) {
        $self->{held} = $self->{count};
        delete $self->{hold_from};
        $way->{kept} = $bytes;
        return;
    }
    pass_on($way, $bytes);
    return;
}

sub pass_on
{
    my ($way, $bytes) = @_;
    print { $way->{file} } $bytes;
    $way->{waiting} .= $bytes;
    return;
}

sub give
{
    my ($way) = @_;
    if (length $way->{waiting}) {
        my $n = syswrite $way->{to}, $way->{waiting};
        if (defined $n) {
            substr $way->{waiting}, 0, $n, '';
        } elsif (!$!{EAGAIN}) {
            $way->{waiting} = '';
            $way->{open} = 0;
        }
    }
    if (!$way->{open} && !length $way->{waiting} && !$way->{ended}) {
        $way->{ended} = 1;
        shutdown $way->{to}, 1;
    }
    return;
}

sub serve
{
    my ($self, $listener) = @_;
    my @ways;
    $self->{count} = 0;
    while (1) {
        my ($r, $w) = ('', '');
        $self->take_order;
        vec($r, fileno $listener, 1) = 1;
        for my $way (@ways) {
            next if $self->is_held($way);
            pass_on($way, delete $way->{kept}) if defined $way->{kept};
            vec($r, fileno $way->{from}, 1) = 1
                if $way->{open} && length $way->{waiting} < 1_000_000;
            vec($w, fileno $way->{to}, 1) = 1 if length $way->{waiting};
        }
        next if select($r, $w, undef, 0.5) <= 0;
        for my $way (@ways) {
            next if $self->is_held($way);
            $self->take($way) if vec $r, fileno $way->{from}, 1;
            give($way);
        }
        $self->accept_one($listener, \@ways) if vec $r, fileno $listener, 1;
        $self->drop_ended(\@ways);
    }
    return;
}

# Both directions are pushed together.
sub drop_ended
{
    my ($self, $ways) = @_;
    my @left;
    while (my ($one, $other) = splice @$ways, 0, 2) {
        push @left, $one, $other if !$one->{ended} || !$other->{ended};
    }
    @$ways = @left;
    return;
}

# {held} is how many connections are held, the first ones. The file is removed
# when it has been read.
sub take_order
{
    my ($self) = @_;
    open my $in, '<', "$self->{root}/hold" or return;
    my ($what, $value) = split / /, <$in>, 2;
    delete $self->{hold_from};
    $self->{$what} = $value;
    unlink "$self->{root}/hold";
    return;
}

sub is_held { return $_[1]{number} < ($_[0]{held} || 0) }

# ---- What it has seen --------------------------------------------------------

sub sent
{
    my ($self, $pattern) = @_;
    my $count = 0;
    for my $number (0 .. $self->connections - 1) {
        open my $in, '<', $self->file_of($number, 'client') or next;
        local $/;
        $count++ if (<$in> // '') =~ $pattern;
    }
    return $count;
}

sub order
{
    my ($self, @words) = @_;
    open my $out, '>', "$self->{root}/hold.new" or die $!;
    print {$out} "@words";
    close $out or die $!;
    rename "$self->{root}/hold.new", "$self->{root}/hold" or die $!;
    my $until = time + 30;
    while (-e "$self->{root}/hold") {
        die "the relay does not answer\n" if time > $until;
        sleep 0.02;
    }
    return;
}

sub hold_from { return $_[0]->order(hold_from => $_[1]) }
sub release { return $_[0]->order(held => 0) }

sub connections
{
    my ($self) = @_;
    my $count = 0;
    $count++ while -e $self->file_of($count, 'client');
    return $count;
}

sub records
{
    my ($self, $key_log) = @_;
    my $reader = EventStream::Httpd::builddir() . '/t/records/records';
    my @all;
    for my $number (0 .. $self->connections - 1) {
        open my $in, '-|', $reader, $key_log,
            map { $self->file_of($number, $_) } qw(client server)
            or die "$reader: $!";
        push @all, [map { of_line($_) } <$in>];
        close $in or die "$reader: exit status $?";
    }
    return @all;
}

sub of_line
{
    my ($number, $type, $length, $nonce) = $_[0] =~ /\S+/g;
    return {
        number => $number eq '-' ? undef : $number,
        type => $type, length => $length, nonce => $nonce,
    };
}

1;
