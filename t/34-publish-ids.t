#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A publisher's id: what comes once more is acknowledged and not sent again,
# what only looks like it is refused.

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
is $sse->next_event(5)->{event}, 'stream-open', 'the stream is open';

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

# All of these are the next to arrive, and then "mark".
sub arrives
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
is $first->{status}, 200, 'published';
post({channel => 'b', text => 'between'});
my $again = post(event('order-1', 'soup'));
is $again->{status}, 200, 'once more: acknowledged';
is $again->{body}, $first->{body}, '... with the same answer';
arrives('it is sent once', 'soup', 'between');

my $form = post('channel=a&id=order-1&data=soup',
    'application/x-www-form-urlencoded');
is $form->{body}, $first->{body}, 'as a form it is the same event';
my $raw = post('soup', 'text/plain', '?channel=a&id=order-1');
is $raw->{body}, $first->{body}, 'and as raw data';

for (
    ['other data', event('order-1', 'salad')],
    ['another type', event('order-1', 'soup', event => 'order')],
    ['another retry', event('order-1', 'soup', retry => 9)],
    ['one more channel', event('order-1', 'soup', channel => ['c', 'a'])],
) {
    my ($name, $event) = @$_;
    my $answer = post($event);
    is $answer->{status}, 409, "$name: 409";
    is $answer->{body},
        "The id 'order-1' belongs to another event of channel 'a'.\n",
        "$name: tells id and channel";
}
is post(event('order-1', 'salad', channel => 'b'))->{status}, 200,
    'in another channel the id is free';
arrives('of all that, one is sent', 'salad');
is post(event('1700000000000-0', 'soup'))->{status}, 400,
    'an id of the form of ours';

# ---- Lists -----------------------------------------------------------------

my @list = map { event("n$_", "text $_") } 1 .. 3;
my $whole = post(\@list);
is $whole->{json}{published}, 3, 'a list';
is post(\@list)->{body}, $whole->{body}, 'the list once more';
arrives('the list is sent once', map {"text $_"} 1 .. 3);

my $mixed = post([event('n4', 'text 4'), $list[1], event('n5', 'text 5')]);
is $mixed->{status}, 200, 'some are known, some are new';
is $mixed->{json}{published}, 3, 'all of them are there';
arrives('the new ones are sent', 'text 4', 'text 5');

my $twice = post([event('n6', 'text 6'), event('n6', 'text 6')]);
is $twice->{json}{published}, 2, 'the same twice in a list';
arrives('it is sent once', 'text 6');

my $bad = post([event('n7', 'text 7'), event('n2', 'other')]);
is $bad->{status}, 409, 'a list with one that clashes';
is $bad->{body},
    "[1]: The id 'n2' belongs to another event of channel 'a'.\n",
    '... tells which';
$bad = post([event('n8', 'text 8'), event('n8', 'other')]);
is $bad->{status}, 409, 'a list that clashes with itself';
like $bad->{body}, qr/^\[1\]: The id 'n8'/, '... tells which';
arrives('nothing of them is sent');

# ---- Which child, and for how long -----------------------------------------

$httpd->kill_child((sort { $a <=> $b } $httpd->children)[0]);
is post(event('order-1', 'soup'))->{json}{id}, $first->{json}{id},
    'another child knows it, after one was killed';
$httpd->graceful;
is post(event('order-1', 'soup'))->{json}{id}, $first->{json}{id},
    'and over a restart';

my $resumed = subscribe($httpd, '/events?c=a',
    headers => ['Last-Event-ID: n5']);
is $resumed->next_event(5)->{id}, $mixed->{json}{id},
    'a client resumes with it';
is $resumed->next_event(5)->{data}, 'mark', '... behind it';

my $filler = 'x' x 30_000;
post({channel => 'a', text => $filler}) for 1 .. 12;
my $new = post(event('order-1', 'salad'));
is $new->{status}, 200, 'evicted from the journal, the id is free';
isnt $new->{json}{id}, $first->{json}{id}, '... for a new event';

$httpd->finish;
done_testing;
