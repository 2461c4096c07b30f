#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Signatures of a real Pushpin by key pairs that the test makes: ES256 and
# RS256, the public key as PEM, as base64 and as JWK, from the directive, from a
# file and from the environment; and no key verifies the signature of another.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use File::Temp ();
use MIME::Base64 qw(decode_base64 encode_base64 encode_base64url);

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Pushpin;

EventStream::Pushpin->or_skip;

sub openssl
{
    my (@command) = @_;
    open my $out, '-|', 'openssl', @command or die "openssl: $!";
    local $/;
    my $text = <$out>;
    close $out or die "openssl @command failed";
    return $text;
}

my $dir = File::Temp->newdir;

# A key pair: {private, public, file} in PEM.
sub pair
{
    my ($name, @how) = @_;
    my $private = openssl('genpkey', '-quiet', @how);
    my %pair = (private => $private, file => "$dir/$name.pub");
    open my $out, '>', "$dir/$name.pem" or die "$dir: $!";
    print {$out} $private;
    close $out;
    $pair{public} = openssl('pkey', '-in', "$dir/$name.pem", '-pubout');
    open $out, '>', $pair{file} or die "$dir: $!";
    print {$out} $pair{public};
    close $out;
    chmod 0644, $pair{file};
    return \%pair;
}

my $ec = pair('ec', '-algorithm', 'EC', '-pkeyopt',
    'ec_paramgen_curve:prime256v1');
my $rsa = pair('rsa', '-algorithm', 'RSA', '-pkeyopt',
    'rsa_keygen_bits:2048');

# The point is at the end of a P-256 public key.
sub jwk
{
    my ($pem) = @_;
    my $der = decode_base64($pem =~ s/-----.*?-----//gr);
    my ($x, $y) = map { encode_base64url(substr $der, $_, 32) } -64, -32;
    return qq({"kty":"EC","crv":"P-256","x":"$x","y":"$y"});
}

sub escape { return $_[0] =~ s/([^\w.~-])/sprintf '%%%02X', ord $1/ger }

my %keys = (
    file => "verify-key=file:$ec->{file}",
    base64 => 'verify-key=base64:' . encode_base64($ec->{public}, ''),
    rsa => "verify-key=file:$rsa->{file}",
    jwk => '"verify-key=' . jwk($ec->{public}) =~ s/"/\\"/gr . '"',
    iss => "verify-key=file:$ec->{file} verify-iss=fastly:x",
    text => "verify-key=$$",
);
my $conf = join '', map { <<"CONF" } sort keys %keys;
EventStreamHub $_ size=256k
EventStreamGrip hub=$_ "http://127.0.0.1:9" $keys{$_}
<Location "/$_">
    SetHandler eventstream
    EventStreamUseHub $_
    EventStreamChannel a
</Location>
CONF
$conf .= <<'CONF';
EventStreamGrip "${ES_TEST_GRIP_URL}"
<Location "/url">
    SetHandler eventstream
    EventStreamChannel a
</Location>
CONF
my $httpd = EventStream::Httpd->start(conf => $conf, env => {
    ES_TEST_GRIP_URL => 'http://127.0.0.1:9/?key=token&verify-key='
        . escape($ec->{public})});

sub held_by
{
    my ($pushpin, %held) = @_;
    for my $path (sort keys %keys, 'url') {
        my $got = subscribe($pushpin, "/$path");
        is $got->status, $held{$path} ? 200 : 403,
            "signed with $pushpin->{key} of $pushpin->{iss}: $path";
    }
    return;
}

sub pushpin
{
    my ($pair, $iss) = @_;
    return EventStream::Pushpin->start(origin => $httpd->port, iss => $iss,
        key => 'file:k.pem', files => {'k.pem' => $pair->{private}});
}

my %with_ec = map { ($_ => 1) } qw(file base64 jwk url);
held_by(pushpin($ec, 'pushpin'), %with_ec);
held_by(pushpin($ec, 'fastly:x'), %with_ec, iss => 1);
held_by(pushpin($rsa, 'pushpin'), rsa => 1);

# a public key is no secret, so it must not serve for HS256
for my $text ($ec->{public}, $ec->{public} =~ s/\n\z//r) {
    my $got = get($httpd, '/file',
        'Grip-Sig: ' . EventStream::Pushpin->sign($text));
    is $got->{status}, 403,
        'a token of HS256 that is signed with the public key is refused';
}
unlike $httpd->error_log, qr/BEGIN PUBLIC/,
    'the error log has no key';
is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
