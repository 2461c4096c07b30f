#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Hostile and broken requests of publishers, the same ones in each format:
# refused with a sentence that helps, and nothing of them is published. And
# 10,000 good requests on one connection.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Compress::Zlib ();
use JSON::PP ();
use MIME::Base64 qw(encode_base64);

use EventStream::Client;
use EventStream::Httpd;

my $httpd = EventStream::Httpd->start(conf => <<'CONF');
MaxKeepAliveRequests 0
<Location "/events">
    SetHandler eventstream
    EventStreamChannel a
</Location>
<Location "/publish">
    SetHandler eventstream-publish
    EventStreamMaxEventSize 1000
</Location>
CONF

my $sse = subscribe($httpd, '/events');
is $sse->next_event(5)->{event}, 'stream-open', 'the stream opens';

my $json = JSON::PP->new->canonical->allow_nonref;    # of bytes, not UTF-8

sub post
{
    my ($format, $body, %opt) = @_;
    return request($httpd, 'POST', '/publish' . ($opt{query} || ''),
        body => $body, headers => [$format->{type}, @{$opt{headers} || []}]);
}

# One event with these fields in each format; data is a plain text.
sub in_json
{
    my (%field) = @_;
    return $json->encode({map { ($_ eq 'data' ? 'text' : $_) => $field{$_} }
        keys %field});
}

sub in_form
{
    my (%field) = @_;
    return join '&', map {
        my $name = $_;
        map { "$name=" . EventStream::Client::escape($_) }
            ref $field{$name} ? @{$field{$name}} : $field{$name};
    } sort keys %field;
}

sub in_item
{
    my (%field) = @_;
    my $content = join '', map { "$_: $field{$_}\n" }
        grep { defined $field{$_} } qw(event id data);
    return $json->encode({items => [{
        (defined $field{channel} ? (channel => $field{channel}) : ()),
        formats => {'http-stream' =>
            {'content-bin' => encode_base64("$content\n", '')}}}]});
}

my %formats = (
    JSON => {type => 'Content-Type: application/json', body => \&in_json,
        has => [qw(list types ids)]},
    list => {type => 'Content-Type: application/json',
        body => sub { '[{"channel":"a","text":"lost"},' . in_json(@_) . ']' },
        has => [qw(list types ids)]},
    lines => {type => 'Content-Type: application/x-ndjson',
        body => sub { in_json(@_) . "\n" }, has => [qw(list types ids)]},
    form => {type => 'Content-Type: application/x-www-form-urlencoded',
        body => \&in_form, has => [qw(list form ids)]},
    item => {type => 'Content-Type: application/json', body => \&in_item,
        has => []},
);

# name => [fields, status, words, what the format must have]
my @bad = (
    ['no channel', {data => 'x'}, 400, qr/channel/],
    ['a typing error', {chanel => 'a', data => 'x'}, 400, qr/channel/],
    ['an empty channel', {channel => ' ', data => 'x'}, 400, qr/channel/i],
    ['a blank before the channel', {channel => ' a', data => 'x'}, 400,
        qr/' a' begins or ends with a blank/],
    ['a blank after the channel', {channel => 'a ', data => 'x'}, 400,
        qr/'a ' begins or ends with a blank/],
    ['a control character in the channel', {channel => "a\x01", data => 'x'},
        400, qr/a\?/],
    ['a long channel', {channel => 'x' x 256, data => 'x'}, 400, qr/255/],
    ['too many channels', {channel => [map {"c$_"} 1 .. 65], data => 'x'},
        400, qr/at most 64/, 'list'],
    ['channel of a wrong type', {channel => {}, data => 'x'}, 400,
        qr/'channel' must be/, 'types'],
    ['no known field', {message => 'x'}, 400, qr/No data: .*'message'/,
        'types'],
    ['no known field in a form', {message => 'x'}, 400,
        qr/No data: .*'message'.*text\/plain/, 'form'],
    ['data of another name', {channel => 'a', event => 'e', message => 'x'},
        400, qr/'channel', 'event', 'message', and not 'data'/, 'list'],
    ['event of a wrong type', {channel => 'a', event => 1}, 400,
        qr/'event' must be/, 'types'],
    ['id of a wrong type', {channel => 'a', id => []}, 400, qr/'id' must be/,
        'types'],
    ['retry of a wrong type', {channel => 'a', retry => 1.5}, 400,
        qr/'retry' must be/, 'types'],
    ['an id of our form', {channel => 'a', id => '1-1', data => 'x'}, 400,
        qr/form of the server's own ids/],
    ['the id error', {channel => 'a', id => 'error', data => 'x'}, 400,
        qr/may not be 'error'/, 'ids'],
    ['a long type', {channel => 'a', event => 'x' x 256, data => 'x'}, 400,
        qr/'event' has more than 255/],
    ['bad UTF-8', {channel => 'a', data => "\xff"}, 400, qr/UTF-8/],
    ['too large', {channel => 'a', data => 'x' x 1001}, 413,
        qr/1001 bytes, more than the 1000/],
);

my $mark = 0;
for my $name (sort keys %formats) {
    my $format = $formats{$name};
    for my $case (@bad) {
        my ($what, $fields, $status, $words, $needs) = @$case;
        next if defined $needs && !grep { $_ eq $needs } @{$format->{has}};
        my $answer = post($format, $format->{body}->(%$fields));
        is $answer->{status}, $status, "$name: $what: $status";
        like $answer->{body}, qr/\A[^\n]*$words[^\n]*\n\z/,
            "$name: $what: one line gives the reason";
    }
    is post($format, Compress::Zlib::memGzip($format->{body}->(channel => 'a',
        data => 'x')), headers => ['Content-Encoding: gzip'])->{status}, 415,
        "$name: a body in gzip gets 415";
    publish($httpd, 'a', 'mark ' . ++$mark);
    is $sse->next_event(5)->{data}, "mark $mark",
        "$name: nothing that was refused is published";

    my $good = $format->{body}->(channel => 'a', data => $name,
        $name eq 'item' ? () : (color => 'red'));
    my @parts = unpack '(a7)*', $good;
    my $answer = request($httpd, 'POST', '', raw => join("\r\n",
        'POST /publish HTTP/1.1', 'Host: localhost', 'Connection: close',
        $format->{type}, 'Transfer-Encoding: chunked', '', '')
        . join('', map { sprintf("%x;name=\"a b\";c\r\n%s\r\n", length $_, $_) }
            @parts) . "0;last\r\nTrailer: x\r\n\r\n");
    is $answer->{status}, 200,
        "$name: chunk extensions and a trailer are accepted";
    my @texts = map { $_->{data} } $sse->events($name eq 'list' ? 2 : 1, 5);
    is $texts[-1], $name, "$name: an event with unknown fields arrives";
}
like post($formats{JSON}, '{"chanel":"a","data":1}')->{body},
    qr/'chanel', 'data'.*'channel'/, 'a misspelled field is shown';

# ---- Many ------------------------------------------------------------------

my $COUNT = 10_000;
my $WINDOW = 250;
my $client = EventStream::Client->connect($httpd->port);
my ($answers, $refused) = (0, 0);
my $rest = '';
for my $window (1 .. $COUNT / $WINDOW) {
    my $text = '';
    for my $n (($window - 1) * $WINDOW + 1 .. $window * $WINDOW) {
        $text .= "POST /publish?channel=many HTTP/1.1\r\nHost: localhost\r\n"
            . 'Content-Length: ' . length($n) . "\r\n\r\n$n";
    }
    $client->send($text);
    my $until = time + 20;
    while ($answers < $window * $WINDOW && time < $until) {
        sysread $client->socket, $rest, 65536, length $rest or last;
        # an answer ends with the LF after its JSON
        while ($rest =~ s/\AHTTP\/1\.1 (\d+).*?\r\n\r\n\{[^\n]*\}\n//s) {
            $answers++;
            $refused++ if $1 != 200;
        }
    }
}
is $answers, $COUNT, "$COUNT requests on one connection get answers";
is $refused, 0, 'each of them gets 200';
$client->close;
my $stats = JSON::PP::decode_json(
    request($httpd, 'GET', '/publish?channel=many')->{body});
is $stats->{channels}[0]{events}, $COUNT,
    'all of their events are in the journal';
unlike $httpd->error_log, qr/exit signal/, 'no child has crashed';
$httpd->finish;
done_testing;
