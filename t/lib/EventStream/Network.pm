# SPDX-License-Identifier: Apache-2.0
package EventStream::Network;

=head1 NAME

EventStream::Network - hosts that reach each other, or do not

=head1 SYNOPSIS

    use EventStream::Network;   # before others of ours

    my $net = EventStream::Network->new(qw(a b broker));  # or it is skipped
    my $redis = EventStream::Redis->start(at => $net->host('broker'));
    my $node = EventStream::Node->start($redis->url, at => $net->host('a'));
    $net->part(['a'], ['b', 'broker']);
    $net->heal;

Each host is a network namespace with one address and a loopback of its own. A
pair of veth devices connects it with the namespace of the test, which forwards
packets from host to host; a packet that may not pass is dropped there, and
nobody is told. The test itself reaches all hosts, whatever is cut. All
namespaces end with the test.

=head1 METHODS

=over

=item new(@names)

Executes the test again in a namespace of its own, and makes the hosts. Skips
the test where that is not allowed (it takes root); in CI it fails instead.

=item host($name)

An object with the methods name, address, and in(@command): the command that
runs this one in the host's namespace.

=item cut($from, $to)

Packets from one host to the other are lost from now on; not those the other
way.

=item part(\@names, \@others)

Cuts each of the first from each of the others, in both directions.

=item lose($name, $percent)

So many of the packets to and from a host are lost, at random; 0 ends it.
Returns why that is not possible here, undef if it is.

=item heal

All packets pass again.

=back

=cut

use strict;
use warnings;

use Test::More ();
use Time::HiRes qw(sleep time);

use EventStream::Netns;
use EventStream::Reexec;

my $CORE = '192.0.2.254';

sub skip
{
    my ($why) = @_;
    die "CI must run the tests in network namespaces: $why\n"
        if ($ENV{CI} || '') eq 'true';
    Test::More::plan(skip_all => "needs network namespaces: $why");
    return;
}

sub fails { return EventStream::Netns::fails(@_) }

sub try
{
    my (@command) = @_;
    my $why = fails(@command);
    skip($why) if defined $why;
    return;
}

sub must
{
    my (@command) = @_;
    my $why = fails(@command);
    die "$why\n" if defined $why;
    return;
}

sub new
{
    my ($class, @names) = @_;
    skip('not root') if $> != 0;
    if (!$ENV{ES_OWN_NETWORK}) {
        try(qw(unshare --net true));
        try(qw(ip -V));
        reexec('ES_OWN_NETWORK', qw(unshare --net --));
    }
    my $self = bless {cuts => {}, lossy => {}}, $class;
    try(qw(ip link set lo up));
    open my $forward, '>', '/proc/sys/net/ipv4/ip_forward'
        or skip("ip_forward: $!");
    print {$forward} "1\n";
    close $forward or skip("ip_forward: $!");
    my $number = 0;
    $self->{hosts}{$_} = $self->add_host($_, ++$number) for @names;
    return $self;
}

sub add_host
{
    my ($self, $name, $number) = @_;
    my $host = bless {name => $name, address => "192.0.2.$number",
        device => "h$number"}, 'EventStream::Network::Host';
    # cat ends when the pipe does, so the namespace ends with the test
    $host->{pid} = open $host->{keeper}, '|-', qw(unshare --net cat)
        or die "unshare: $!";
    my $until = time + 30;
    sleep 0.02
        while EventStream::Netns::namespace_of($host->{pid})
            eq EventStream::Netns::namespace_of($$) && time < $until;
    my $device = $host->{device};
    try('ip', 'link', 'add', $device, qw(type veth peer name out netns),
        $host->{pid});
    try('ip', 'addr', 'add', "$CORE/32", 'dev', $device);
    try('ip', 'link', 'set', $device, 'up');
    try($host->in(qw(ip link set lo up)));
    try($host->in('ip', 'addr', 'add', "$host->{address}/32", qw(dev out)));
    try($host->in(qw(ip link set out up)));
    try($host->in(qw(ip route add default via), $CORE, qw(dev out onlink)));
    try('ip', 'route', 'add', "$host->{address}/32", 'dev', $device);
    return $host;
}

sub host
{
    my ($self, $name) = @_;
    return $self->{hosts}{$name} || die "no host $name\n";
}

# ---- Faults ------------------------------------------------------------------

sub rule
{
    my ($self, $what, $from, $to) = @_;
    must(qw(ip rule), $what, 'from', $self->host($from)->address, 'to',
        $self->host($to)->address, qw(priority 100 blackhole));
    return;
}

sub cut
{
    my ($self, $from, $to) = @_;
    return if $self->{cuts}{"$from $to"}++;
    $self->rule('add', $from, $to);
    return;
}

sub part
{
    my ($self, $names, $others) = @_;
    for my $name (@$names) {
        for my $other (@$others) {
            $self->cut($name, $other);
            $self->cut($other, $name);
        }
    }
    return;
}

# A program of the classic BPF: a random number; if it is above the limit the
# packet passes (-1: what else is to be done is done), else it is dropped (2).
sub lose
{
    my ($self, $name, $percent) = @_;
    my $device = $self->host($name)->{device};
    fails(qw(tc qdisc del dev), $device, 'clsact')
        if delete $self->{lossy}{$name};
    return if $percent <= 0;
    my $program = sprintf '4,32 0 0 4294963256,37 0 1 %d,6 0 0 4294967295,'
        . '6 0 0 2', $percent / 100 * 4294967295;
    my $why = fails(qw(tc qdisc add dev), $device, 'clsact');
    for my $way (qw(ingress egress)) {
        last if defined $why;
        $why = fails(qw(tc filter add dev), $device, $way,
            qw(bpf da bytecode), $program);
    }
    $self->{lossy}{$name} = 1;
    return $why;
}

sub heal
{
    my ($self) = @_;
    for my $pair (keys %{$self->{cuts}}) {
        $self->rule('del', split / /, $pair);
    }
    $self->{cuts} = {};
    $self->lose($_, 0) for keys %{$self->{lossy}};
    return;
}

package EventStream::Network::Host;

sub name { return $_[0]{name} }
sub address { return $_[0]{address} }

sub in
{
    my ($self, @command) = @_;
    return ('nsenter', "--net=/proc/$self->{pid}/ns/net", '--', @command);
}

1;
