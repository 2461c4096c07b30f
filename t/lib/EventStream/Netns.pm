# SPDX-License-Identifier: Apache-2.0
package EventStream::Netns;

=head1 NAME

EventStream::Netns - a network namespace for clients, whose connection to the
server can fail

=head1 SYNOPSIS

    use EventStream::Netns;     # before others of ours

    my $netns = EventStream::Netns->new;    # or the test is skipped
    my $httpd = EventStream::Httpd->start(conf => <<'CONF');
    Listen 192.0.2.1:@PORT:plain@
    CONF
    exec $netns->in_client('curl', 'http://192.0.2.1:...');
    $netns->drop_packets;

The test and its server run in one namespace, with the address 192.0.2.1 and a
loopback of its own and nothing else, the clients in another, with the address
192.0.2.2. A pair of veth devices connects them. Both namespaces end with the
last process in them.

=head1 METHODS

=over

=item new

Executes the test again in a namespace of its own, makes the clients' one and
connects them. Skips the test where that is not allowed (it takes root).

=item in_client(@command)

The command that runs this one in the clients' namespace.

=item drop_packets, remove_address, restore

Two failures of the connection that neither side is notified of, and their end.
drop_packets: packets of the clients are dropped, nothing else happens.
remove_address: the clients' address is removed, as if their host was switched
off.

=back

=cut

use strict;
use warnings;

use Test::More ();
use Time::HiRes qw(sleep time);

use EventStream::Reexec;

my $SERVER = '192.0.2.1';
my $CLIENT = '192.0.2.2';

sub skip
{
    my ($why) = @_;
    Test::More::plan(skip_all => "needs network namespaces: $why");
    return;
}

# What a command printed, on one line; undef if it succeeded.
sub fails
{
    my (@command) = @_;
    my $pid = open my $out, '-|';
    die "fork: $!" if !defined $pid;
    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        exec @command or print "$command[0]: $!";
        exit 127;
    }
    my $text = join ' ', map { s/\s+\z//r } <$out>;
    close $out;
    return if $? == 0;
    return "@command[0 .. 1]: $text";
}

sub try
{
    my (@command) = @_;
    my $why = fails(@command);
    skip($why) if defined $why;
    return;
}

sub namespace_of
{
    my ($pid) = @_;
    return readlink("/proc/$pid/ns/net") || '';
}

sub new
{
    my ($class) = @_;
    skip('not root') if $> != 0;
    if (!$ENV{ES_OWN_NETWORK}) {
        try(qw(unshare --net true));
        try(qw(ip -V));
        reexec('ES_OWN_NETWORK', qw(unshare --net --));
    }
    my $self = bless {}, $class;
    # cat ends when the pipe does, so the namespace ends with the test
    $self->{pid} = open $self->{keeper}, '|-', qw(unshare --net cat)
        or die "unshare: $!";
    my $until = time + 10;
    sleep 0.02
        while namespace_of($self->{pid}) eq namespace_of($$) && time < $until;
    try(qw(ip link set lo up));
    try(qw(ip link add server type veth peer name client netns), $self->{pid});
    try('ip', 'addr', 'add', "$SERVER/24", 'dev', 'server');
    try(qw(ip link set server up));
    try($self->in_client('ip', 'addr', 'add', "$CLIENT/24", 'dev', 'client'));
    try($self->in_client(qw(ip link set client up)));
    return $self;
}

sub in_client
{
    my ($self, @command) = @_;
    return ('nsenter', "--net=/proc/$self->{pid}/ns/net", '--', @command);
}

sub run_in_client
{
    my ($self, @command) = @_;
    my $why = fails($self->in_client(@command));
    die "$why\n" if defined $why;
    return;
}

sub drop_packets
{
    my ($self) = @_;
    $self->run_in_client(qw(ip route add blackhole), "$SERVER/32");
    return;
}

sub remove_address
{
    my ($self) = @_;
    $self->run_in_client(qw(ip addr flush dev client));
    return;
}

sub restore
{
    my ($self) = @_;
    fails($self->in_client(qw(ip route del blackhole), "$SERVER/32"));
    $self->run_in_client('ip', 'addr', 'replace', "$CLIENT/24", 'dev',
        'client');
    return;
}

1;
