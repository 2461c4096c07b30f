# SPDX-License-Identifier: Apache-2.0
package EventStream::Cluster;

=head1 NAME

EventStream::Cluster - several httpds that share a hub through one broker

=head1 SYNOPSIS

    use EventStream::Cluster;

    my $cluster = EventStream::Cluster->start(
        nodes => 2, words => 'timeout=1s', conf => '...');
    my ($a, $b) = $cluster->nodes;      # EventStream::Httpd
    my $client = $cluster->client($a, 'news');
    publish($b, 'news', 'hello');
    $cluster->broker;                   # EventStream::Redis

Each node has the Locations /events?c=CHANNEL (any number of c), /publish and
/server-status, retry: of 10 ms, and no keep-alives, which a test that takes
long would take for events.

=head1 METHODS

=over

=item start(%options)

    nodes   => 2        how many httpds
    words   => '...'    after the URL of EventStreamCluster
    conf    => '...'    further configuration of each node
    broker  => {...}    options of EventStream::Redis->start, or an object
    options => {...}    of EventStream::Httpd->start, for each node

    url     => '...'    instead of the broker's own

=item conf($words)

The configuration of a node, for EventStream::Httpd->start and rewrite_conf.

=item start_node(%options)

Starts one more node, with these options of EventStream::Httpd->start.

=item nodes, broker

=item is_synced($node), wait_synced(@nodes)

wait_synced waits until all these nodes (or all nodes) follow the broker's
stream, and is a test of its own.

=item status($node)

The lines of the hub's link in server-status?auto, as a hash reference.

=item client($node, $channel, %options)

A client that has got its stream-open. id => its Last-Event-ID.

=item event_of($client, $seconds)

The next event of a client that comes back when its stream has a clean end, as a
browser does; $client is the new one then. Where the journal is filled anew by a
process that does not get on, the delivery does not wait for its lock, and ends
streams instead.

=back

=cut

use strict;
use warnings;

use Scalar::Util ();
use Test::More ();

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;
use EventStream::Redis;

sub start
{
    my ($class, %opt) = @_;
    my $self = bless {nodes => [], words => '', conf => '', %opt}, $class;
    my $count = $opt{nodes} || 2;

    $self->{nodes} = [];
    $self->{broker} = ref $opt{broker} eq 'EventStream::Redis' ? $opt{broker}
        : EventStream::Redis->start(%{$opt{broker} || {}});
    push @{$self->{nodes}}, $self->start_node for 1 .. $count;
    $self->wait_synced;
    return $self;
}

sub conf
{
    my ($self, $words) = @_;
    my $url = $self->{url} || $self->{broker}->url;
    $words = $self->{words} if !defined $words;
    return status_conf() . <<"CONF";
EventStreamCluster $url $words
EventStreamDrain 1
EventStreamKeepAlive 0
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "{?c}"
    EventStreamRetry 10ms
</Location>
<Location "/publish">
    SetHandler eventstream-publish
    LimitRequestBody 0
</Location>
$self->{conf}
CONF
}

sub start_node
{
    my ($self, %opt) = @_;
    return EventStream::Httpd->start(
        modules => ['status'], conf => $self->conf,
        %{$self->{options} || {}}, %opt);
}

sub nodes { return @{$_[0]{nodes}} }
sub broker { return $_[0]{broker} }

sub status
{
    my ($self, $node) = @_;
    my $body = get($node, '/server-status?auto')->{body} || '';
    return {$body =~ /^EventStream\.Cluster\.default\.(\w+): (.*)$/mg};
}

sub is_synced
{
    my ($self, $node) = @_;
    my $status = $self->status($node);
    return $status->{Up} && $status->{Synced};
}

sub wait_synced
{
    my ($self, @nodes) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    @nodes = $self->nodes if !@nodes;
    return wait_for(
        sub { return !grep { !$self->is_synced($_) } @nodes }, 20,
        'the nodes follow the stream of the broker');
}

sub client
{
    my ($self, $node, $channel, %opt) = @_;
    my $id = delete $opt{id};
    $opt{headers} = ["Last-Event-ID: $id"] if defined $id;
    my $path = '/events?' . join '&', map { "c=$_" } split / /, $channel;
    my $client = subscribe($node, $path, %opt);
    my $open = $client->next_event(10);
    $client->{open} = $open;
    Test::More::diag('no stream-open: ' . $client->status)
        if !$open || $open->{event} ne 'stream-open';
    $client->{channel} = $channel;
    Scalar::Util::weaken($client->{node} = $node);
    return $client;
}

sub event_of
{
    my $self = shift;
    my $event = $_[0]->next_event($_[1]);
    if (!$event && $_[0]->is_ended) {
        Test::More::note('a client comes back');
        $_[0] = $self->client($_[0]{node}, $_[0]{channel},
            id => $_[0]->last_id);
        $event = $_[0]->next_event($_[1]);
    }
    return $event;
}

1;
