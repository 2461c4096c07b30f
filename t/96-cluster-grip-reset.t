#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# GRIP proxies are slow, so a clustered hub has events that were not sent yet,
# when the broker fails in such a way that all clients are reset. The journals
# of the nodes begin anew then. What the broker's stream has is sent all the
# same: by the node that sends, by the next one if it has died, and by one that
# was started since.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use EventStream::Client;
use EventStream::Cluster;
use EventStream::FakeProxy;
use EventStream::Httpd;
use EventStream::Redis;
use EventStream::Sending;

EventStream::Redis->or_skip;

my @proxies = map { EventStream::FakeProxy->start } 1, 2;
my $cluster = EventStream::Cluster->start(
    nodes => 2, words => 'timeout=2s', broker => {append => 1},
    conf => join('', map { 'EventStreamGrip "' . $_->url
            . "\" verify-key=changeme\n" } @proxies)
        . "EventStreamGripReliable on\nEventStreamGripTimeout 60\n");
my $broker = $cluster->broker;
my @nodes = $cluster->nodes;

# ---- Helpers -----------------------------------------------------------------

sub other_than { return (grep { $_ != $_[0] } @nodes)[0] }

sub published
{
    my ($node, $data, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return wait_for(
        sub { publish($node, 'news', $data, id => "id-$data", timeout => 90)
                ->{status} == 200 }, 60, $name);
}

my $times = 0;

# An event that the proxies have, and five that they do not answer to; then
# something happens, and the broker is restarted. The data of all events, with
# one that is published then.
sub send_in_vain
{
    my ($sender, $name, $fault) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $prefix = 'e' . ++$times . '-';
    my $other = other_than($sender);
    $_->clear for @proxies;
    published($other, "${prefix}0", "$name: an event");
    wait_for(sub { 2 == grep { grep { $_ eq "${prefix}0" } data_of($_) }
            @proxies }, 30, "$name: the proxies have it");
    $_->suspend for @proxies;
    published($other, $prefix . $_, "$name: event $_") for 1 .. 5;
    is data_of($_), 1, "$name: a proxy has none of these" for @proxies;
    @nodes = $fault->($sender);
    $broker->restart;
    my $node = (grep { !sends($_) } @nodes)[0] || $nodes[0];
    published($node, $prefix . 6, "$name: publishing works again");
    $_->resume for @proxies;
    return map { $prefix . $_ } 0 .. 6;
}

sub content_of { return $_[0]{formats}{'http-stream'}{content} }

# Each item of these events names the one before it; but the first one of the
# new epoch does not, so in reliable mode the proxy asks what its clients have
# missed.
sub check_links
{
    my ($proxy, $sent, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($prefix) = $sent->[0] =~ /^(e\d+-)/;
    my %seen;
    my @items = grep { content_of($_) =~ /^data: $prefix/m
            && !$seen{$_->{id}}++ } $proxy->items;
    is join(' ', map { $items[$_]{'prev-id'} eq $items[$_ - 1]{id} ? 1 : 0 }
            1 .. $#items), '1 1 1 1 1 0',
        "$name: what may be missing is told by the id before the next event";
    my %before;
    my @other = grep { ($before{$_->{id}} ||= $_->{'prev-id'})
            ne $_->{'prev-id'} } $proxy->items;
    is scalar(@other), 0, "$name: what was sent twice is the same item";
}

# ---- The node that sends goes on ---------------------------------------------

my $sender = sender('one of two servers sends', @nodes);
my $client = $cluster->client(other_than($sender), 'news');
my @sent = send_in_vain($sender, 'it goes on', sub { return @nodes });
check_all($_, \@sent, 'it goes on') for @proxies;
check_links($_, \@sent, 'it goes on') for @proxies;

# Clients of httpd have had them, and get none of them again. (What comes before
# their node is ready is a part of what the reset tells.)
my @got;

sub read_until
{
    my ($last, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return wait_for(
        sub {
            my ($event) = $cluster->event_of($client, 30);
            return 0 if !$event;
            push @got, $event->{event} eq 'message' ? $event->{data}
                : $event->{event};
            return $got[-1] eq $last;
        }, 60, $name);
}

read_until('stream-reset', 'a client of httpd is reset');
published($nodes[0], 'e1-7', 'another event');
read_until('e1-7', 'which it gets');
is join(' ', grep { $_ ne 'stream-open' && $_ ne 'e1-6' } @got),
    'e1-0 e1-1 e1-2 e1-3 e1-4 e1-5 stream-reset e1-7',
    'it has got each of them once';

# Nor does one that comes later.
for my $id ('id-e1-3', 'id-e1-5') {
    my $late = $cluster->client($nodes[0], 'news', id => $id);
    is $late->next_event(30)->{event}, 'stream-reset',
        "who comes with $id, of before the restart, is reset";
    is $late->event_within(0.5), undef, 'and gets none of them';
    $late->close;
}

# ---- It dies -----------------------------------------------------------------

@sent = send_in_vain($sender, 'it dies', sub {
    my ($old) = @_;
    my $next = other_than($old);
    signal_all(KILL => $old);
    $old->stop;
    return $next;
});
is sender('another server sends', @nodes), $nodes[0], 'that one';
check_all($_, \@sent, 'it dies') for @proxies;
check_links($_, \@sent, 'it dies') for @proxies;

# ---- All die -----------------------------------------------------------------

$sender = $nodes[0];
push @nodes, $cluster->start_node;
$cluster->wait_synced($nodes[-1]);
@sent = send_in_vain($sender, 'all die', sub {
    for my $old (@nodes) {
        signal_all(KILL => $old);
        $old->stop;
    }
    return $cluster->start_node;
});
is sender('a server that was started since sends', @nodes), $nodes[0],
    'that one';
check_all($_, \@sent, 'all die') for @proxies;
check_links($_, \@sent, 'all die') for @proxies;

for my $node (@nodes) {
    is $node->stop, 0, 'httpd stops with exit status 0';
    unlike $node->error_log, qr/\[[^\]]*:(?:error|crit|alert|emerg)\]|signal/,
        'its error log has no error';
    unlike $node->error_log, qr/ES0630/, 'and no loss of events';
}
done_testing;
