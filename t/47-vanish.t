#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Peers that vanish without a word, whatever they were doing: TCP finds out, and
# all that they held is given back. Those that are only slow stay.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use EventStream::Cable;
use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;

my $cable = EventStream::Cable->lay;
my $has_h2 = EventStream::Httpd->has_module('http2')
    && `curl --version` =~ /^Features:.* HTTP2\b/m;

# One client of each kind has its place, and two that do not vanish.
my @kinds = (qw(quiet silent busy full tls), $has_h2 ? 'h2' : ());
my $httpd = EventStream::Httpd->start(
    ssl => 1, h2 => $has_h2, modules => ['status'],
    conf => status_conf() . 'EventStreamMaxClients ' . (2 + @kinds) . <<'CONF');

EventStreamMaxHeld 1
EventStreamTurn 500ms
EventStreamSendTimeout 2
EventStreamKeepAlive 1
SendBufferSize 65536
Listen 192.0.2.1:@PORT:plain@
Listen 192.0.2.1:@PORT:tls@ https
<VirtualHost 192.0.2.1:@PORT:tls@>
    ServerName localhost
    SSLEngine on
    SSLCertificateFile "@CERT@"
    SSLCertificateKeyFile "@KEY@"
</VirtualHost>
<LocationMatch "^/events/(?<name>[^/]+)$">
    SetHandler eventstream
    EventStreamChannel "{name}"
</LocationMatch>
# nothing is ever under way: only TCP's keep-alive finds out
<Location "/events/silent">
    EventStreamKeepAlive 0
</Location>
# it must be there still when the cable is cut
<Location "/events/full">
    EventStreamSendTimeout 4
</Location>
<Location "/events/patient">
    EventStreamSendTimeout 0
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

# so that little fills the one who does not read
note 'the far end keeps its receive buffers'
    if EventStream::Cable::fails($cable->far('sh', '-c',
        'echo 4096 16384 32768 > /proc/sys/net/ipv4/tcp_rmem'));

# ---- Clients at the far end --------------------------------------------------

my %far;
END {
    local $?;
    leave($_) for keys %far;
}

sub connect_far
{
    my ($kind) = @_;
    my ($scheme, $port) = $kind eq 'tls' ? ('https', 'tls') : ('http', 'plain');
    my @command = $cable->far('curl', '-skN',
        $kind eq 'h2' ? '--http2-prior-knowledge' : '--http1.1',
        "$scheme://192.0.2.1:" . $httpd->port_of($port) . "/events/$kind");
    my $pid = open my $out, '-|', @command or die "nsenter: $!";
    $far{$kind} = {pid => $pid, out => $out};
    sysread $out, $far{$kind}{text}, 4096;
    return $far{$kind}{text};
}

sub leave
{
    my ($kind) = @_;
    my $client = delete $far{$kind} or return;
    kill KILL => $client->{pid};
    close $client->{out};
    return;
}

# Connections of the far end that the server has. (Children's descriptors would
# tell the same, but for connections that linger.)
sub connections
{
    open my $in, '<', '/proc/net/tcp' or die "/proc/net/tcp: $!";
    my $near = join '', map { sprintf '%02X', $_ } 1, 2, 0, 192;
    return scalar grep { /^\s*\d+: $near:\S+ \S+ 01 / } <$in>;
}

sub wait_connections
{
    my ($count, $meanwhile) = @_;
    my $until = time + 30;
    while (connections() != $count && time < $until) {
        $meanwhile->();
        sleep 0.1;
    }
    return connections();
}

# httpd lets its own connections go a little after they are over.
sub settled_descriptors
{
    my $least = descriptors($httpd);
    for (1 .. 20) {
        sleep 0.05;
        my $now = descriptors($httpd);
        $least = $now if $now < $least;
    }
    return $least;
}

my $stays = subscribe($httpd, '/events/stays');
is $stays->next_event(5)->{event}, 'stream-open', 'one that stays';
my $patient = subscribe($httpd, '/events/patient', rcvbuf => 4096);
publish($httpd, 'patient', 'x' x 60000) for 1 .. 8;
is clients($httpd, 'patient'), 1,
    'one that never reads, where there is no EventStreamSendTimeout';
my $descriptors = settled_descriptors();

# Publishing to know the number of clients would disturb the quiet ones: what
# is waited for is seen from outside.
for my $way (qw(lose vanish)) {
    for my $kind (@kinds) {
        like connect_far($kind), qr/^retry: \d+$/m, "$way: $kind is connected";
    }
    is connections(), scalar @kinds, '... so many connections';
    is clients($httpd, $_), 1, "... $_ is counted" for @kinds;
    sleep 0.2;    # acknowledged, so that nothing is under way to the silent one
    publish($httpd, 'full', 'x' x 60000) for 1 .. 8;
    $cable->$way;
    is wait_connections(0, sub { publish($httpd, 'busy', 'x') }), 0,
        '... the server gives all connections up';
    wait_for(sub { descriptors($httpd) <= $descriptors }, 10,
        '... and their descriptors');
    is clients($httpd, $_), 0, "... $_ is not counted any more" for @kinds;
    wait_for(sub { busy_workers($httpd) == 0 }, 10, '... no worker is kept');
    leave($_) for @kinds;
    $cable->mend;
}

# ---- Their places are free -------------------------------------------------

my @new = map { subscribe($httpd, "/events/$_") } grep { !/tls|h2/ } @kinds;
push @new, subscribe($httpd, '/events/tls', tls => 1);
push @new, subscribe($httpd, '/events/h2', http2 => 1) if $has_h2;
is scalar(grep { ($_->next_event(5) || {event => ''})->{event}
    eq 'stream-open' } @new), scalar @kinds, 'as many new ones are served';
my $over = subscribe($httpd, '/events/over');
ok $over->is_ended(5), '... but one more is above EventStreamMaxClients';
ok !$_->is_ended(1) && $_->is_open, '... longer than a turn'
    for @new[-1 - $has_h2 .. -1];
$_->close for @new;

# ---- Slow is not gone --------------------------------------------------------

is clients($httpd, 'patient'), 1, 'the one that never reads is still there';
is $stays->skip_to('keep-alive', 5)->{event}, 'keep-alive',
    'the other one is live';
publish($httpd, 'stays', 'still');
is $stays->skip_to('message', 5)->{data}, 'still', '... and receives';
unlike $httpd->error_log, qr/:(?:error|crit|alert|emerg)\]/,
    'no error in the log';
done_testing;
