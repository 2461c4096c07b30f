#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Ids of publishers: an event that is published again is acknowledged and not
# sent again; another event with the same id is refused.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use JSON::PP ();

use EventStream::Client;
use EventStream::Httpd;

my $httpd = EventStream::Httpd->start(conf => <<'CONF');
EventStreamHub default size=256k
EventStreamRetry 1
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "{?c}"
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

my $sse = subscribe($httpd, '/events?c=a&c=b');
is $sse->next_event(5)->{event}, 'stream-open', 'the stream opens';

sub post
{
    my ($what, $type, $query) = @_;
    my $answer = request(
        $httpd, 'POST', '/publish' . ($query || ''),
        body => ref $what ? JSON::PP::encode_json($what) : $what,
        headers => ['Content-Type: ' . ($type || 'application/json')]);
    $answer->{json} = eval { JSON::PP::decode_json($answer->{body}) };
    return $answer;
}

sub event
{
    my ($id, $text, @more) = @_;
    return {channel => 'a', id => $id, text => $text, @more};
}

# Exactly these texts arrive next.
sub receives
{
    my ($name, @texts) = @_;
    post({channel => 'a', text => 'mark'});
    my @seen;
    while (my $got = $sse->next_event(5)) {
        last if $got->{data} eq 'mark';
        push @seen, $got->{data};
    }
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is_deeply \@seen, \@texts, $name;
    return;
}

# ---- One event -------------------------------------------------------------

my $first = post(event('order-1', 'soup'));
is $first->{status}, 200, 'an event with an id is published';
post({channel => 'b', text => 'between'});
my $again = post(event('order-1', 'soup'));
is $again->{status}, 200, 'the same event again is acknowledged';
is $again->{body}, $first->{body}, 'the answer to it is the same';
receives('the event is sent once', 'soup', 'between');

my $form = post('channel=a&id=order-1&data=soup',
    'application/x-www-form-urlencoded');
is $form->{body}, $first->{body}, 'the same event as a form is acknowledged';
my $raw = post('soup', 'text/plain', '?channel=a&id=order-1');
is $raw->{body}, $first->{body}, 'the same event as raw data is acknowledged';

for (
    ['other data', event('order-1', 'salad')],
    ['another type', event('order-1', 'soup', event => 'order')],
    ['another retry', event('order-1', 'soup', retry => 9)],
    ['one more channel', event('order-1', 'soup', channel => ['c', 'a'])],
) {
    my ($name, $event) = @$_;
    my $answer = post($event);
    is $answer->{status}, 409, "$name under the same id gets 409";
    is $answer->{body},
        "The id 'order-1' belongs to another event of channel 'a'.\n",
        "$name under the same id: 409 names the id and the channel";
}
is post(event('order-1', 'salad', channel => 'b'))->{status}, 200,
    'the same id in another channel is accepted';
receives('only the event of the other channel is sent', 'salad');
is post(event('1700000000000-0', 'soup'))->{status}, 400,
    'an id of the form of our ids gets 400';

# ---- Lists -----------------------------------------------------------------

my @list = map { event("n$_", "text $_") } 1 .. 3;
my $whole = post(\@list);
is $whole->{json}{published}, 3, 'a list of events with ids is published';
is post(\@list)->{body}, $whole->{body},
    'the same list again gets the same answer';
receives('the list is sent once', map {"text $_"} 1 .. 3);

my $mixed = post([event('n4', 'text 4'), $list[1], event('n5', 'text 5')]);
is $mixed->{status}, 200, 'a list of known and new events is accepted';
is $mixed->{json}{published}, 3, 'the answer counts all of them';
receives('only the new events are sent', 'text 4', 'text 5');

my $twice = post([event('n6', 'text 6'), event('n6', 'text 6')]);
is $twice->{json}{published}, 2, 'a list with the same event twice is accepted';
receives('the event is sent once', 'text 6');

my $bad = post([event('n7', 'text 7'), event('n2', 'other')]);
is $bad->{status}, 409, 'a list with another event under a known id gets 409';
is $bad->{body},
    "[1]: The id 'n2' belongs to another event of channel 'a'.\n",
    'the answer has the index and the id';
$bad = post([event('n8', 'text 8'), event('n8', 'other')]);
is $bad->{status}, 409, 'a list with two events under one id gets 409';
like $bad->{body}, qr/^\[1\]: The id 'n8'/,
    'the answer has the index and the id of the second';
receives('no event of these lists is sent');

# ---- Which child, and for how long -----------------------------------------

$httpd->kill_child((sort { $a <=> $b } $httpd->children)[0]);
is post(event('order-1', 'soup'))->{json}{id}, $first->{json}{id},
    'another child knows the id after one was killed';
$httpd->graceful;
is post(event('order-1', 'soup'))->{json}{id}, $first->{json}{id},
    'the id is known after graceful';

my $resumed = subscribe($httpd, '/events?c=a',
    headers => ['Last-Event-ID: n5']);
is $resumed->next_event(5)->{id}, $mixed->{json}{id},
    'a client resumes with a publisher\'s id';
is $resumed->next_event(5)->{data}, 'mark', 'the next event follows';

my $filler = 'x' x 30_000;
post({channel => 'a', text => $filler}) for 1 .. 12;
my $new = post(event('order-1', 'salad'));
is $new->{status}, 200, 'the id is free when its event was evicted';
isnt $new->{json}{id}, $first->{json}{id}, 'it belongs to a new event then';

$httpd->finish;
done_testing;
