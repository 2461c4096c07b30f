# SPDX-License-Identifier: Apache-2.0
package EventStream::Cable;

=head1 NAME

EventStream::Cable - clients on a host of their own, at the end of a cable that
can be cut

=head1 SYNOPSIS

    use EventStream::Cable;     # before others of ours

    my $cable = EventStream::Cable->lay;    # or the test is skipped
    my $httpd = EventStream::Httpd->start(conf => <<'CONF');
    Listen 192.0.2.1:@PORT:cable@
    CONF
    exec $cable->far('curl', 'http://192.0.2.1:...');
    $cable->cut;

The hosts are two namespaces of the kernel's network. The test and its server
run in the one, 192.0.2.1, which has a loopback of its own and nothing else; the
clients in the other, 192.0.2.2. Both go with the last process in them.

=head1 METHODS

=over

=item lay

Starts the test again in a namespace of its own, makes the other one and joins
them. Skips the test where that is not allowed (it takes root).

=item far(@command)

The command that runs this one at the far end.

=item lose, vanish, mend

Two ways to cut the cable without a word, and its end. lose: what the far end
sends is lost, and nothing but that happens. vanish: as though its host were
switched off, it does not even own its address any more.

=back

=cut

use strict;
use warnings;

use Test::More ();
use Time::HiRes qw(sleep time);

use EventStream::Again;

my $NEAR = '192.0.2.1';
my $FAR = '192.0.2.2';

sub skip
{
    my ($why) = @_;
    Test::More::plan(skip_all => "needs namespaces of the network: $why");
    return;
}

# What a command printed, on one line; undef when it succeeded.
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

sub network_of
{
    my ($pid) = @_;
    return readlink("/proc/$pid/ns/net") || '';
}

sub lay
{
    my ($class) = @_;
    skip('not root') if $> != 0;
    if (!$ENV{ES_OWN_NETWORK}) {
        try(qw(unshare --net true));
        try(qw(ip -V));
        start_again('ES_OWN_NETWORK', qw(unshare --net --));
    }
    my $self = bless {}, $class;
    # ends when the pipe does, so it outlives no test
    $self->{pid} = open $self->{keeper}, '|-', qw(unshare --net cat)
        or die "unshare: $!";
    my $until = time + 10;
    sleep 0.02
        while network_of($self->{pid}) eq network_of($$) && time < $until;
    try(qw(ip link set lo up));
    try(qw(ip link add near type veth peer name far netns), $self->{pid});
    try('ip', 'addr', 'add', "$NEAR/24", 'dev', 'near');
    try(qw(ip link set near up));
    try($self->far('ip', 'addr', 'add', "$FAR/24", 'dev', 'far'));
    try($self->far(qw(ip link set far up)));
    return $self;
}

sub far
{
    my ($self, @command) = @_;
    return ('nsenter', "--net=/proc/$self->{pid}/ns/net", '--', @command);
}

sub at_far_end
{
    my ($self, @command) = @_;
    my $why = fails($self->far(@command));
    die "$why\n" if defined $why;
    return;
}

sub lose
{
    my ($self) = @_;
    $self->at_far_end(qw(ip route add blackhole), "$NEAR/32");
    return;
}

sub vanish
{
    my ($self) = @_;
    $self->at_far_end(qw(ip addr flush dev far));
    return;
}

sub mend
{
    my ($self) = @_;
    fails($self->far(qw(ip route del blackhole), "$NEAR/32"));
    $self->at_far_end('ip', 'addr', 'replace', "$FAR/24", 'dev', 'far');
    return;
}

1;
