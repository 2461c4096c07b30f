#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Hostile tokens: each is refused with the right status and challenge, in the
# header and as a cookie, and the server goes on as if nothing had been. The
# clock of the server goes back and forth.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Digest::SHA qw(hmac_sha256);
use File::Temp ();
use MIME::Base64 qw(encode_base64 encode_base64url);

use EventStream::Client;
use EventStream::Clock;
use EventStream::Httpd;
use EventStream::Token;

my $dir = File::Temp->newdir;
chmod 0755, "$dir";
my $secret = 'secret-0123456789abcdef0123456789abcdef';
EventStream::Httpd::spew("$dir/key", "$secret\n");
chmod 0600, "$dir/key";

my $clock = EventStream::Clock->new;
my $httpd = EventStream::Httpd->start($clock->options, conf => <<"CONF");
LogLevel eventstream:debug
LimitRequestFieldSize 200000
<Location "/stream">
    SetHandler eventstream
    EventStreamChannel "{?c}"
    EventStreamToken key=file:$dir/key cookie=stream leeway=0
    Require eventstream-token
</Location>
<Location "/publish">
    SetHandler eventstream-publish
    EventStreamToken key=file:$dir/key leeway=0
    Require eventstream-token
</Location>
CONF

my %grant = (eventstream => {subscribe => ['a'], publish => ['a']});
my $good = token($secret, \%grant);
my ($head, $claims, $signature) = split /\./, $good;

my $listener = subscribe($httpd, '/stream?c=a', headers => [bearer($good)]);
is $listener->next_event(20)->{event}, 'stream-open', 'a client';

sub answer_of
{
    my ($path, $method, $header, $body) = @_;
    return request($httpd, $method, $path, headers => [$header,
        'Content-Type: text/plain'], body => $body);
}

# ---- Tokens that are refused -------------------------------------------------

my %header = (alg => 'HS256', typ => 'JWT');
sub headed { return token($secret, \%grant, {%header, @_}) }
sub claimed { return token($secret, $_[0]) }
my $grants = '"eventstream":{"subscribe":["a"],"publish":["a"]}';
my @refused = (
    ['no algorithm', token_of(\%grant, {alg => 'none'}, ''), 'form'],
    ['none with a signature', headed(alg => 'none'), 'alg'],
    ['nOnE', headed(alg => 'nOnE'), 'alg'],
    ['HS512', headed(alg => 'HS512'), 'alg'],
    ['another algorithm than that of the key', headed(alg => 'RS256'), 'kid'],
    ['an empty secret', token('', \%grant), 'signature'],
    ['a changed claim', join('.', $head, encode_base64url(
        '{"eventstream":{"subscribe":["*"],"publish":["*"]}}'), $signature),
        'signature'],
    ['no signature', "$head.$claims.", 'form'],
    ['a signature of another length', "$head.$claims.AAAA", 'signature'],
    ['a part too few', "$head.$claims", 'form'],
    ['a part too many', "$good.$signature", 'form'],
    ['five parts', "$good.AAAA.AAAA", 'form'],
    ['nothing but dots', '..', 'form'],
    ['padding', "$good=", 'form'],
    ['base64 of another kind', join('.', $head, '+/+/', $signature), 'form'],
    ['one byte less', substr($good, 0, -1), 'form'],
    ['quotes', qq("$good"), 'form'],
    ['two tokens with a comma', "$good, $good", 'form'],
    ['a text', 'let me in', 'form'],
    ['100 KB', $good . 'A' x 100_000, 'form'],
    ['100 KB of dots', '.' x 100_000, 'form'],
    ['100 KB of JSON', headed(x => 'A' x 75_000), 'form'],
    ['a header that is an array', token($secret, \%grant, '["HS256"]'),
        'header'],
    ['a header that begins with a mark', token($secret, \%grant,
        "\xef\xbb\xbf" . '{"alg":"HS256"}'), 'header'],
    ['a header with alg twice', token($secret, \%grant,
        '{"alg":"none","alg":"HS256"}'), 'header'],
    ['crit', headed(crit => ['exp'], exp => 1), 'crit'],
    ['b64', headed(crit => ['b64'], b64 => JSON::PP::false), 'crit'],
    ['zip', headed(zip => 'DEF'), 'zip'],
    ['another type', headed(typ => 'dpop+jwt'), 'typ'],
    ['a type that is a number', headed(typ => 1), 'typ'],
    ['a kid that is an object', headed(kid => {}), 'kid'],
    ['claims that are no JSON', claimed('{'), 'claims'],
    ['claims that are a text', claimed('"a"'), 'claims'],
    ['claims twice', claimed("{$grants,$grants}"), 'claims'],
    ['claims that nest', claimed("{$grants,\"x\":" . '[' x 1500 . ']' x 1500
        . '}'), 'claims'],
    ['NUL', claimed("{$grants,\"sub\":\"a\\u0000\"}"), 'claims'],
    ['a byte 0', claimed("{$grants,\"sub\":\"a\0\"}"), 'claims'],
    ['no UTF-8', claimed("{$grants,\"sub\":\"\xff\"}"), 'claims'],
    (map { ["exp of $_->[0]", claimed("{$grants,\"exp\":$_->[0]}"), $_->[1]] }
        ['"9999999999"', 'exp'], ['9999999999.5', 'exp'], ['-1', 'exp'],
        ['0', 'exp'], ['null', 'exp'], ['[]', 'exp'],
        ['9223372036854775807', 'exp'], ['9223372036854775808', 'claims'],
        ['18446744073709551617', 'claims'], ['1e400', 'claims'],
        ['1e9', 'exp']),
    ['nbf of 2100', claimed("{$grants,\"nbf\":4102444800}"), 'nbf'],
    ['iat of 2100', claimed("{$grants,\"iat\":4102444800}"), 'iat'],
    ['an aud', claimed("{$grants,\"aud\":\"other\"}"), 'aud'],
    ['a sub with a line end', claimed("{$grants,\"sub\":\"a\\r\\nb\"}"), 'sub'],
    ['a sub of 300 bytes', claimed("{$grants,\"sub\":\"" . 'a' x 300 . '"}'),
        'sub'],
    ['a list that is a text', claimed('{"eventstream":{"subscribe":"a"}}'),
        'eventstream'],
    ['a list of 257', claimed({eventstream => {subscribe => [('a') x 257]}}),
        'eventstream'],
    ['a pattern of 2 KB', claimed({eventstream => {subscribe =>
        ['*a' x 1000]}}), 'eventstream'],
    ['control that is a text', claimed(
        '{"eventstream":{"control":"true"}}'), 'eventstream'],
    ['a list of Mercure that is none', claimed('{"mercure":{"subscribe":7}}'),
        'mercure'],
);
for my $case (@refused) {
    my ($name, $token, $part) = @$case;
    for my $way (['GET', '/stream?c=a'], ['POST', '/publish?channel=a']) {
        my ($method, $path) = @$way;
        my $answer = answer_of($path, $method, bearer($token),
            $method eq 'POST' ? 'forged' : undef);
        is $answer->{status}, 401, "$name: $method gets 401";
        like $answer->{headers}{'www-authenticate'} // '',
            qr/error="invalid_token", error_description="$part:[^"\\]*"$/,
            "$name: $part is told";
    }
    next if $token =~ /[ ",]/; # are no bytes of a cookie
    my $answer = answer_of('/stream?c=a', 'GET', "Cookie: stream=$token");
    is $answer->{status}, 401, "$name: also as a cookie";
}

# Patterns that take long to match do not: the worst that a token can have.
for my $bomb ('*a' x 500 . 'b', '\\' x 900, '*' x 1023 . 'b') {
    my $token = claimed({eventstream => {subscribe => [($bomb) x 3]}});
    is answer_of('/stream?c=' . 'a' x 255, 'GET', bearer($token))->{status},
        403, 'a pattern of 1 KB that does not match';
}
my $templates = claimed({mercure => {subscribe =>
    [('{+a}a{+b}a{+c}a{+d}b') x 200]}});
is answer_of('/stream?c=' . 'a' x 255, 'GET', bearer($templates))->{status},
    403, '200 templates that do not match';

# ---- The clock ---------------------------------------------------------------

sub status_of
{
    my ($token) = @_;
    return subscribe($httpd, '/stream?c=a', headers => [bearer($token)])
        ->status;
}
my $now = int $clock->now;
my $hour = claimed({%grant, iat => $now, exp => $now + 3600});
is status_of($hour), 200, 'a token of an hour';
my $client = subscribe($httpd, '/stream?c=a', headers => [bearer($hour)]);
is $client->next_event(20)->{event}, 'stream-open', 'and its stream';
$clock->step(-7200);
is status_of($hour), 401, 'two hours before, it was not issued yet';
is status_of(claimed({%grant, exp => $now})), 200,
    'a token that had expired counts again, as far as the server knows';
$clock->step(7200 + 3601);
is status_of($hour), 401, 'after its end, it gets 401';
$clock->step(-3601);
is status_of($hour), 200, 'and 200 when the clock is right';
$client->fill(0.1);
ok $client->is_open, 'its stream goes on';

# ---- Nothing is lost ---------------------------------------------------------

is answer_of('/publish?channel=a', 'POST', bearer($good), 'good')->{status},
    200, 'a good token publishes';
is $listener->skip_to('message', 20)->{data}, 'good',
    'its event comes first: no refused request has published';
my $log = $httpd->error_log;
unlike $log, qr/eyJ/, 'the error log has no token';
like $log, qr/ES0902: .* $_:/, "but $_" for qw(exp nbf aud signature form alg);
is $httpd->faults // '', '', 'the shared memory is consistent';
is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
