# SPDX-License-Identifier: Apache-2.0
package EventStream::Presence;

=head1 NAME

EventStream::Presence - what the tests of presence have in common

=head1 SYNOPSIS

    my $httpd = EventStream::Httpd->start(conf => presence_conf());
    my $log = follow($httpd, 'a');          # of presence-a
    my $ada = visit($httpd, 'a', 'ada');
    is told($log), '+ada';
    is_deeply who($httpd, 'a'), {ada => 1};

=over

=item presence_conf($lines)

Locations: /events/CHANNEL counts by the header X-User, /presence/CHANNEL
follows presence-CHANNEL, /publish. A retry of a second, so that names leave
after some four seconds.

=item visit($where, $channel, $name, %options)

A client of /events/CHANNEL; options as of subscribe.

=item follow($where, $channel)

A client of /presence/CHANNEL.

=item told($client, $seconds)

The next join or leave that it gets: '+ada', '-ada'; '' = none in time. Other
events are passed over.

=item told_nothing($client, $seconds, $name)

A test: it gets no join and no leave in this time.

=item is_there($where, $channel, \%names, $name)

A test: ?who= lists these names with their clients. A client has its stream a
moment before its name is counted, so it is asked until it is so.

=item who($where, $channel, $limit, $field)

What ?who= lists, over all pages: name => clients, or another field; undef if a
page is refused.

=back

=cut

use strict;
use warnings;

use Exporter 'import';
use JSON::PP ();
use Test::More ();
use Time::HiRes qw(time);

use EventStream::Client;

our @EXPORT =
    qw(follow is_there presence_conf told told_nothing visit who);

sub presence_conf
{
    my ($lines) = @_;
    return ($lines || '') . <<'CONF';
EventStreamRetry 1
<LocationMatch "^/events/(?<room>[^/]+)$">
    SetHandler eventstream
    EventStreamChannel "{room}"
    EventStreamPresence on name=%{req:X-User}
</LocationMatch>
<LocationMatch "^/presence/(?<room>[^/]+)$">
    SetHandler eventstream
    EventStreamChannel "presence-{room}"
</LocationMatch>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF
}

sub visit
{
    my ($where, $channel, $name, %opt) = @_;
    push @{$opt{headers}}, "X-User: $name" if defined $name;
    return subscribe($where, '/events/' . EventStream::Client::escape($channel),
        %opt);
}

sub follow
{
    my ($where, $channel, %opt) = @_;
    return subscribe($where,
        '/presence/' . EventStream::Client::escape($channel), %opt);
}

sub told
{
    my ($client, $seconds) = @_;
    return told_by($client, EventStream::Client::deadline($seconds));
}

sub told_by
{
    my ($client, $until) = @_;
    while (my $event = $client->event_by($until)) {
        next if $event->{event} !~ /^(?:join|leave)$/;
        my $data = JSON::PP::decode_json($event->{data});
        return ($event->{event} eq 'join' ? '+' : '-') . $data->{name};
    }
    return '';
}

sub told_nothing
{
    my ($client, $seconds, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return Test::More::is(told_by($client, time + $seconds), '', $name);
}

sub is_there
{
    my ($where, $channel, $names, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $json = JSON::PP->new->canonical;
    my $got;
    wait_for(sub {
        $got = who($where, $channel);
        return $got && $json->encode($got) eq $json->encode($names);
    }, 30);
    return Test::More::is_deeply($got, $names, $name);
}

sub who
{
    my ($where, $channel, $limit, $field) = @_;
    my ($query, $after, %names) = ('', 0);
    $field ||= 'clients';
    $query = '&limit=' . $limit if $limit;
    do {
        my $answer = get($where, '/publish?who='
            . EventStream::Client::escape($channel)
            . "$query&after=" . EventStream::Client::escape($after));
        return if $answer->{status} != 200;
        my $page = JSON::PP::decode_json($answer->{body});
        $names{$_->{name}} += $_->{$field} // 0 for @{$page->{names}};
        $after = $page->{next};
    } while ($after);
    return \%names;
}

1;
